use std::collections::HashSet;

use jsonpath_rust::JsonPath as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(document: &str, cases: &[(&str, &str)]) {
    let document: Value = serde_json::from_str(document).unwrap();
    for (path, expected) in cases {
        let found: Vec<String> =
            parse(path).values(&document).iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), *expected, "{path} in {document}");
    }
}

fn key(name: &str) -> Segment {
    Segment::Key(name.into())
}

#[test]
fn singular_paths_become_segments() {
    let segments = |text: &str| parse(text).singular().map(<[Segment]>::to_vec);
    let a_b = Some(vec![key("a"), key("b"), key("c d"), Segment::Index(0)]);
    assert_eq!(segments("$.a.b['c d'][0]"), a_b);
    assert_eq!(segments("$ ['a'] [\"b\"]\n['c d'][ 0 ]"), a_b);
    assert_eq!(segments("$"), Some(vec![]));
    assert_eq!(segments("$.día"), Some(vec![key("día")]));
    assert_eq!(
        segments(r#"$['it\'s']["\"q\" \\ \/ \n\t"]['\u00e9\ud83d\ude00']"#),
        Some(vec![key("it's"), key("\"q\" \\ / \n\t"), key("é😀")])
    );
    assert_eq!(segments("$['']"), Some(vec![key("")]));
    for general in ["$.a[*]", "$.a[-1]", "$.a['b','c']", "$..a", "$.a[1:2]", "$.a[?@.b]", "$.*"] {
        assert_eq!(segments(general), None, "{general}");
    }
    assert_eq!(parse("$.call.items[*].id").prefix(), [key("call"), key("items")]);
    assert_eq!(parse("$..id").prefix(), []);
    assert_eq!(parse("$.a[0][-1]").prefix(), [key("a"), Segment::Index(0)]);
}

#[test]
fn the_examples_of_the_rfc() {
    let store = r#"{"store":{"book":[
        {"category":"reference","author":"Rees","title":"Sayings","price":8.95},
        {"category":"fiction","author":"Waugh","title":"Sword","price":12.99},
        {"category":"fiction","author":"Melville","title":"Moby Dick","isbn":"0-553","price":8.99},
        {"category":"fiction","author":"Tolkien","title":"Rings","isbn":"0-395","price":22.99}],
        "bicycle":{"color":"red","price":399}}}"#;
    check(
        store,
        &[
            ("$.store.book[*].author", r#""Rees" "Waugh" "Melville" "Tolkien""#),
            ("$..author", r#""Rees" "Waugh" "Melville" "Tolkien""#),
            ("$.store..price", "8.95 12.99 8.99 22.99 399"),
            ("$..book[2].title", r#""Moby Dick""#),
            ("$..book[-1].title", r#""Rings""#),
            ("$..book[0,1].price", "8.95 12.99"),
            ("$..book[:2].price", "8.95 12.99"),
            ("$..book[?@.isbn].price", "8.99 22.99"),
            ("$..book[?@.price<10].title", r#""Sayings" "Moby Dick""#),
            ("$..book[?@.price > $.store.bicycle.price]", ""),
            (
                "$..book[?(@.category == 'fiction' && !@.isbn) || @.price == 8.950].price",
                "8.95 12.99",
            ),
        ],
    );
    let mixed = r#"{"obj":{"x":"y"},"arr":[2,3],"n":null,"e":[]}"#;
    check(
        mixed,
        &[
            ("$[?$.absent1 == $.absent2].x", r#""y""#),
            ("$[?$.absent1 <= $.absent2].x", r#""y""#),
            ("$[?$.absent == 'g']", ""),
            ("$[?$.absent1 != $.absent2]", ""),
            ("$[?$.absent != 'g'].x", r#""y""#),
            ("$[?1 <= 2].x", r#""y""#),
            ("$[?1 > 2]", ""),
            ("$[?13 == '13']", ""),
            ("$[?'a' <= 'b'].x", r#""y""#),
            ("$[?$.obj == $.arr]", ""),
            ("$[?$.obj == $.obj].x", r#""y""#),
            ("$[?$.obj <= $.arr]", ""),
            ("$[?$.arr == $.arr].x", r#""y""#),
            ("$[?$.arr < $.arr]", ""),
            ("$[?$.arr <= $.arr].x", r#""y""#),
            ("$[?1 <= $.arr]", ""),
            ("$[?@ == null]", "null"),
            ("$[?length(@) == 2]", "[2,3]"),
            ("$[?count(@[*]) == 0]", "null []"),
            ("$[?value(@.x) == 'y']", r#"{"x":"y"}"#),
            ("$[?length(value(@..x)) == 1]", r#"{"x":"y"}"#),
            ("$[?length('héé') == 3].x", r#""y""#),
        ],
    );
}

#[test]
fn slices_and_selectors_follow_the_rfc() {
    check(
        r#"["a","b","c","d","e","f","g"]"#,
        &[
            ("$[1:3]", r#""b" "c""#),
            ("$[5:]", r#""f" "g""#),
            ("$[1:5:2]", r#""b" "d""#),
            ("$[5:1:-2]", r#""f" "d""#),
            ("$[::-1]", r#""g" "f" "e" "d" "c" "b" "a""#),
            ("$[-2:]", r#""f" "g""#),
            ("$[:-5]", r#""a" "b""#),
            ("$[1:3:0]", ""),
            ("$[10:]", ""),
            ("$[-100:2]", r#""a" "b""#),
            ("$[::9007199254740991]", r#""a""#),
            ("$[-8]", ""),
            ("$[-7]", r#""a""#),
            // Every node once, where the RFC's nodelist would have it several times.
            ("$[0,0,-7]", r#""a""#),
        ],
    );
    check("[]", &[("$[::-1]", ""), ("$[-1:]", ""), ("$[*]", "")]);
    // But `count` counts as the RFC does.
    check("[[7,8]]", &[("$[?count(@[0,0,*]) == 4]", "[7,8]"), ("$[?value(@[0,0]) == 7]", "")]);
}

#[test]
fn filters_compare_numbers_by_value_and_may_stand_on_the_node_itself() {
    check(
        r#"[1,1.0,1e0,9007199254740993,"1",true,1e400]"#,
        &[
            ("$[?@ == 1]", "1 1.0 1e+0"),
            ("$[?@ == 1.0]", "1 1.0 1e+0"),
            ("$[?@ > 9007199254740991]", "9007199254740993 1e+400"),
            ("$[?@ == true]", "true"),
            ("$[?@ == '1']", r#""1""#),
        ],
    );
    check(
        r#"{"rows":[{"tags":["x","vip"]},{"tags":["y"]},{"tags":[{"n":1}]}],"one":[1],"same":[1.0]}"#,
        &[
            ("$.rows[?@.tags[?@ == 'vip']].tags[1]", r#""vip""#),
            ("$.rows[?@[?@[?@.n == 1]]].tags", r#"[{"n":1}]"#),
            ("$[?@ == $.one]", "[1] [1.0]"),
        ],
    );
}

#[test]
fn refuses_what_cannot_work_and_says_what_to_do() {
    let cases = [
        ("", "a path cannot be empty", "write `$` and the way to a value"),
        ("call.duration_ms", "begins with `$`", "write `$.call.duration_ms`"),
        ("/call/id", "begins with `$`", "write `$.call.id`"),
        ("@.a", "begins with `$`", "write `$.a`"),
        ("$.a..b..c", "it stands 2 times", "write the way"),
        ("$.a[?@..b == $..c]", "it stands 2 times", "write the way"),
        ("$.call.custom field", "unexpected 'f' at character 15", "in quotes"),
        ("$.a[", "ends too early at character 5", "in quotes"),
        ("$.a[?match(@.b, 'x')]", "`match` cannot be used", "`regex:`"),
        ("$.a[?search(@.b, 'x')]", "`search` cannot be used", "`regex:`"),
        ("$.a[?in(@.b, $.c)]", "`in` cannot be used", "`length`, `count` and `value`"),
        ("$.a[?length(@.b)]", "not a condition by itself", "compare the result"),
        ("$.a[?count(@.b)]", "not a condition by itself", "compare the result"),
        ("$.a[?count('x') > 1]", "", ""),
        ("$.a[?count(1) > 1]", "", ""),
        ("$.a[?value('x') == 'x']", "take a path", "compare the result"),
        ("$.a[?length(@.*) > 1]", "takes one value", "compare the result"),
        ("$.a[?length($..b) > 1]", "takes one value", "compare the result"),
        ("$.a[?length(@.b == 1) > 1]", "", ""),
        ("$.a[?count(length(@.b)) > 1]", "take a path", "compare the result"),
        ("$.a[?length(count(length(value(@.b)))) > 1]", "nest at most", "write the way"),
        ("$.a[?foo(@.b)]", "unexpected", "in quotes"),
        ("$[[[[[[[[[[[[[[[[[", "nest at most 16", "write the way"),
        ("$.a[01]", "unexpected", "in quotes"),
        ("$.a.", "", ""),
        (" $.a", "begins with `$`", "write `$.$.a`"),
        ("$.a ", "", ""),
        ("$['\\ud800']", "", ""),
        ("$['a\\q']", "", ""),
    ];
    for (text, message, hint) in cases {
        let error = Path::parse(text).expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
    }
    let long = format!("$.{}", "é".repeat(PATH_MAX - 2));
    assert!(Path::parse(&long).is_ok());
    assert_eq!(Path::parse(&format!("{long}é")), Err(PathError::TooLong { len: PATH_MAX + 1 }));
}

#[test]
fn removes_members_and_blanks_elements() {
    let check = |path: &str, document: Value, gone: usize, left: Value| {
        let mut value = document;
        assert_eq!(parse(path).remove(&mut value), gone, "{path}");
        assert_eq!(value, left, "{path}");
    };
    check(
        "$.a.b",
        json!({"x": 1, "a": {"b": 2, "c": 3}, "z": 1}),
        1,
        json!({"x": 1, "a": {"c": 3}, "z": 1}),
    );
    check("$.a[1]", json!({"a": [1, 2, 3]}), 1, json!({"a": [1, null, 3]}));
    check("$.a.b", json!({"a": [1]}), 0, json!({"a": [1]}));
    check("$", json!({"a": 1}), 1, Value::Null);
    check(
        "$..p",
        json!({"p": 1, "q": [{"p": {"p": 2}}, 3], "r": {"p": 4, "s": 5}}),
        3,
        json!({"q": [{}, 3], "r": {"s": 5}}),
    );
    check("$.a[?@ > 1]", json!({"a": [1, 2, 3]}), 2, json!({"a": [1, null, null]}));
    check("$[*]", json!({"a": 1, "b": [2]}), 2, json!({}));
    check("$.a[-1]", json!({"a": []}), 0, json!({"a": []}));
    check("$..*", json!([[1], [2]]), 2, json!([null, null]));
}

/// These must end in well under a second each; a quadratic or exponential one would not end at all.
#[test]
fn hostile_documents_and_paths_cost_bounded_work() {
    let many = json!({"k".repeat(1 << 20): vec![json!({"a": 1}); 20_000], "b": vec![1; 20_000]});
    assert_eq!(parse("$..a").values(&many).len(), 20_000);
    assert_eq!(parse("$[*][?count($.b[*]) > 5]").values(&many).len(), 40_000);
    assert_eq!(parse("$..[?@ == $.b]").values(&many).len(), 1);
    let doubled = format!("$.b{}", "[0,0]".repeat(100));
    assert_eq!(parse(&doubled).values(&many).len(), 0);
    let nest = (0..60).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(parse(&format!("${}", "[0,0,*]".repeat(60))).values(&nest).len(), 1);

    for open in ["length(", "(", "!(", "count(@[?", "@[?(", "[?@"] {
        let text = format!("$[?{}", open.repeat(500 / open.len()));
        assert!(Path::parse(&text).is_err());
        for depth in 1..=16 {
            assert!(Path::parse(&format!("$[?{}", open.repeat(depth))).is_err());
        }
    }
}

/// Small documents in which the paths below find something. Numbers are written one way only, since jsonpath-rust
/// compares their digits.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(1),
        json!(2),
        json!("a"),
        json!("b"),
    ]);
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn paths() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec![
        ".a",
        ".b",
        "['c']",
        "[0]",
        "[-1]",
        "[*]",
        ".*",
        "[0,1]",
        "['a','b']",
        "[1:]",
        "[::-1]",
        "[:1,'a']",
        "[?@.a]",
        "[?@.a == 1]",
        "[?@.b != 'a']",
        "[?@.a < 2 || @.b]",
        "[?!@.a]",
        "[?@.a == @.b]",
        "[?count(@.*) > 1]",
        "[?length(@.a) == 1]",
        "[?$.a == @.a]",
        "[?@.a >= 'a' && @[0] == null]",
        "[?value(@.a) == true]",
    ]);
    let rest = prop::collection::vec(step.clone(), 0..3);
    (prop::collection::vec(step.clone(), 0..3), prop::option::of((step, rest))).prop_map(
        |(before, below)| {
            let below = below.map(|(first, rest)| {
                format!("..{}{}", first.trim_start_matches('.'), rest.concat())
            });
            format!("${}{}", before.concat(), below.unwrap_or_default())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// jsonpath-rust's evaluator, slow as it is, finds the same nodes; and taking them away leaves none of them.
    #[test]
    fn finds_what_jsonpath_rust_finds(text in paths(), document in documents()) {
        let path = parse(&text);
        let place = |value: &&Value| std::ptr::from_ref(*value).addr();
        let theirs = document.query(&text).unwrap();
        let theirs: HashSet<usize> = theirs.iter().map(place).collect();
        let found = path.values(&document);
        let ours: HashSet<usize> = found.iter().map(place).collect();
        prop_assert_eq!(ours.len(), found.len(), "{} finds a node twice", text);
        prop_assert_eq!(ours, theirs, "{} in {}", text, document);
        let mut left = document.clone();
        let gone = path.remove(&mut left);
        prop_assert!(gone <= found.len());
        prop_assert_eq!(gone == 0, found.is_empty());
    }
}

#[test]
fn a_value_is_put_where_a_path_points() {
    let put = |document: &str, path: &str| {
        let mut document: Value = serde_json::from_str(document).unwrap();
        let path = Path::parse(path).unwrap();
        path.set(&mut document, Value::Bool(true)).map(|()| document.to_string())
    };
    for (document, path, made) in [
        (r#"{"a":{"b":1,"c":2}}"#, "$.a.b", r#"{"a":{"b":true,"c":2}}"#),
        (r#"{"a":null}"#, "$.a.b.c", r#"{"a":{"b":{"c":true}}}"#),
        ("{}", "$.a[0].b", r#"{"a":[{"b":true}]}"#),
        (r#"{"a":[1,2]}"#, "$.a[1]", r#"{"a":[1,true]}"#),
        (r#"{"a":[1,2]}"#, "$.a[2]", r#"{"a":[1,2,true]}"#),
        (r#"{"a":1}"#, "$", "true"),
    ] {
        assert_eq!(put(document, path).as_deref(), Ok(made), "{document} {path}");
    }
    assert_eq!(put(r#"{"a":1}"#, "$.a.b"), Err(SetError::NoObject));
    assert_eq!(put(r#"{"a":[1]}"#, "$.a.b"), Err(SetError::NoObject));
    assert_eq!(put(r#"{"a":[1]}"#, "$.a[2]"), Err(SetError::NoElement));
    assert_eq!(put(r#"{"a":{}}"#, "$.a[0]"), Err(SetError::NoElement));
    assert_eq!(put(r#"{"a":[1]}"#, "$.a[*]"), Err(SetError::General));
}
