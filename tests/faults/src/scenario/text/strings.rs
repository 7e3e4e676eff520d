//! The hostile strings: a list by hand of what has broken parsers, templates, terminals and chat programs, and combinations
//! of them by dice.

use rand::RngExt;
use rand::rngs::SmallRng;

/// By hand.
const NASTY: &[&str] = &[
    "plain",
    "",
    " ",
    "\"",
    "'",
    "\\",
    "\\\"",
    "\\u0022",
    "\",\"admin\":true,\"x\":\"",
    "'; DROP TABLE events; --",
    "}}",
    "{{ 7*7 }}",
    "{{ payload }}",
    "{{ ''.__class__ }}",
    "{% raw %}",
    "{% endraw %}",
    "{% for x in range(1000000) %}x{% endfor %}",
    "{# comment #}",
    "{%- set x = 1 -%}",
    "${ADMIN_TOKEN}",
    "${file:/etc/passwd}",
    "$${HOME}",
    "%s%n%x",
    "<!channel>",
    "<!here>",
    "<!everyone|x>",
    "<!subteam^S123>",
    "<@U123>",
    "<#C123|general>",
    "<http://evil.example|ok>",
    "<mailto:a@evil.example|us>",
    "&lt;!channel&gt;",
    "&amp;lt;",
    "&#60;!channel&#62;",
    "*bold* _it_ ~no~ `code`",
    "```",
    "> quoted",
    "@channel @here",
    "https://evil.example/|x>",
    "https://evil.example/?a=<b>&c=\"d\"",
    "javascript:alert(1)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "]]>",
    "<!--",
    "\r\n",
    "\r\nx-injected: yes",
    "a\r\n\r\nGET / HTTP/1.1\r\nhost: evil",
    "\nx-injected: yes",
    "\r",
    "\0",
    "a\0b",
    "\t",
    "\u{b}\u{c}",
    "\u{7f}",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}[2J\u{1b}[H",
    "\u{9b}31m",
    "{\"level\":\"ERROR\",\"fields\":{\"message\":\"ready\"}}",
    "\n{\"level\":\"ERROR\",\"message\":\"all is lost\"}\n",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\u{feff}",
    "\u{202e}gnp.exe",
    "\u{2066}\u{202a}\u{200f}",
    "\u{200b}\u{200d}",
    "\u{e0041}\u{e0042}",
    "\u{fffd}\u{ffff}",
    "../",
    "..",
    ".",
    "../../etc/passwd",
    "..\\..\\x",
    "%2e%2e",
    "%2e%2e%2f",
    "%00",
    "%",
    "%zz",
    "@evil.example",
    "user:pass@evil.example",
    "#",
    "#fragment",
    "?a=b&c",
    "a=b&fixed=2",
    "//",
    "//evil.example/",
    "/",
    "\\\\evil.example\\",
    ":80",
    "[::1]",
    ";jsessionid=1",
    "a b+c",
    "xn--e1afmkfd.example",
    "e\u{301}\u{323}",
    "Ｅvil。example",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "\u{10ffff}",
    "日本語のテキスト",
    "مرحبا بالعالم",
    "null",
    "true",
    "1e999",
    "-0",
    "NaN",
    "18446744073709551616",
    "__proto__",
    "constructor",
];

/// Those that are too long to stand above.
fn long() -> [String; 6] {
    [
        "x".repeat(40_000),
        "<".repeat(3_000),
        "&".repeat(40_000),
        "😀".repeat(1_501),
        "wordwithoutend".repeat(700),
        "a\u{301}".repeat(5_000),
    ]
}

/// `count` strings, no fewer than the list: the list itself first, then what the dice make of it.
pub(super) fn hostile(count: usize, dice: &mut SmallRng) -> Vec<String> {
    let mut strings: Vec<String> = NASTY.iter().map(|text| (*text).to_owned()).collect();
    strings.extend(long());
    let pick = |dice: &mut SmallRng| NASTY[dice.random_range(0..NASTY.len())];
    while strings.len() < count {
        let (a, b, c) = (pick(dice), pick(dice), pick(dice));
        strings.push(match dice.random_range(0..6) {
            0 => format!("{a}{b}"),
            1 => format!("ordinary words {a}"),
            2 => format!("{a} and so on"),
            3 => format!("{a}{a}"),
            4 => format!("{a}{b}{c}"),
            _ => a.repeat(dice.random_range(2..200)),
        });
    }
    strings
}

/// A text as JSON source, with every UTF-16 unit as an escape: another spelling of the same string.
pub(super) fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}
