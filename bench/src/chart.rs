//! Bars as SVG, with colours for a dark page and for a light one.

use std::fmt::Write as _;

/// One group of bars.
#[derive(Debug)]
pub struct Group {
    pub name: String,
    /// Name and value of each bar.
    pub bars: Vec<(String, f64)>,
}

const WIDTH: f64 = 760.0;
/// Where bars begin.
const LEFT: f64 = 210.0;
/// What is left for the longest bar; its number stands behind it.
const LONGEST: f64 = WIDTH - LEFT - 90.0;
const LINE: f64 = 22.0;
const HEAD: f64 = 34.0;

/// Horizontal bars; each group has a scale of its own, since the numbers of small and large bodies are of different orders.
pub fn bars(title: &str, unit: &str, groups: &[Group]) -> String {
    let lines: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = HEAD + lines as f64 * LINE + groups.len() as f64 * HEAD + 10.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" font-family="system-ui, sans-serif" font-size="13">
<style>
  text {{ fill: #1f2328; }} .quiet {{ fill: #59636e; }} rect {{ fill: #8c959f; }} .ours {{ fill: #0969da; }}
  @media (prefers-color-scheme: dark) {{ text {{ fill: #f0f6fc; }} .quiet {{ fill: #9198a1; }} rect {{ fill: #656c76; }} .ours {{ fill: #4493f8; }} }}
</style>
<text x="0" y="18" font-size="15" font-weight="600">{title}</text>
"##
    );
    let mut y = HEAD;
    for Group { name, bars } in groups {
        writeln!(svg, r#"<text class="quiet" x="0" y="{}">{name}, {unit}</text>"#, y + 18.0)
            .expect("a String takes it");
        y += HEAD - 6.0;
        let most = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (name, value) in bars {
            let length = (value / most * LONGEST).max(1.0);
            let class = if name == "hookswitch" { " class=\"ours\"" } else { "" };
            writeln!(
                svg,
                r#"<text x="{}" y="{}" text-anchor="end">{name}</text><rect{class} x="{LEFT}" y="{}" width="{length:.1}" height="14" rx="2"/><text x="{:.1}" y="{}">{}</text>"#,
                LEFT - 8.0,
                y + 13.0,
                y + 2.0,
                LEFT + length + 6.0,
                y + 13.0,
                thousands(*value)
            )
            .expect("a String takes it");
            y += LINE;
        }
        y += 6.0;
    }
    svg.push_str("</svg>\n");
    svg
}

/// A whole number with commas; small ones keep a digit behind the point.
pub fn thousands(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.9), "1,000");
        assert_eq!(thousands(2.34), "2.3");
    }

    #[test]
    fn a_chart_has_a_bar_for_each_value() {
        let bars_of = |value| vec![("hookswitch".to_owned(), value), ("other".to_owned(), 1.0)];
        let groups = [Group { name: "1 KB".to_owned(), bars: bars_of(10.0) }];
        let svg = bars("accepted", "events/s", &groups);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(svg.matches("class=\"ours\"").count(), 1);
    }
}
