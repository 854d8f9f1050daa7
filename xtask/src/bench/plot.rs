//! The plot of a growing number of connections, as SVG. It is readable on light and dark pages, and
//! without colours: the two servers differ in mark and line too.

use super::growth::{BARE, Growth, OURS};
use super::memory::Find;
use super::programs::GROW_COUNTS as COUNTS;
use super::samples::figure;

/// Draws the plot; empty without everything that belongs to it.
pub(super) fn svg(find: &Find<'_>) -> String {
    let (Some(ours), Some(bare)) = (Growth::of(find, OURS), Growth::of(find, BARE)) else {
        return String::new();
    };
    let most = ours.fastest().max(bare.fastest());
    let rates = Panel {
        left: 70.0,
        title: "Deliveries a second, beside the most",
        ticks: [0.0, 0.25, 0.5, 0.75, 1.0]
            .map(|share| (share, figure(share)))
            .into(),
    };
    let decades = |growth: &Growth| growth.memory.map(|kibibytes| (kibibytes / 1024.0).log10());
    let all = decades(&ours).into_iter().chain(decades(&bare));
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let (low, high) = (low.floor(), high.ceil().max(low.floor() + 1.0));
    let steps = (high - low) as usize;
    let memory = Panel {
        left: 430.0,
        title: "Memory of all connections, MiB",
        ticks: (0..=steps)
            .map(|step| {
                let decade = low + step as f64;
                let mebibytes = 10f64.powf(decade);
                (step as f64 / steps as f64, format!("{mebibytes}"))
            })
            .collect(),
    };
    let share = |growth: &Growth| growth.rates.map(|rate| rate / most);
    let height = |growth: &Growth| decades(growth).map(|decade| (decade - low) / (high - low));
    let mut body = String::new();
    for (panel, ours, bare) in [
        (&rates, share(&ours), share(&bare)),
        (&memory, height(&ours), height(&bare)),
    ] {
        body += &panel.axes();
        body += &panel.line("bare", bare);
        body += &panel.line("ours", ours);
    }
    format!("{HEAD}{body}{LEGEND}</svg>\n")
}

/// One of the two diagrams.
struct Panel {
    left: f64,
    title: &'static str,
    /// Where on the axis, from 0 to 1, and the label.
    ticks: Vec<(f64, String)>,
}

impl Panel {
    fn axes(&self) -> String {
        let (left, right) = (self.left, self.left + WIDTH);
        let mut text = format!(
            "<text class=\"title\" x=\"{left}\" y=\"24\">{}</text>\n",
            self.title
        );
        for (share, label) in &self.ticks {
            let y = y(*share);
            text += &format!(
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n",
                left - 8.0,
                y + 4.0
            );
        }
        for (index, count) in COUNTS.iter().enumerate() {
            let label = match count {
                0..1000 => count.to_string(),
                _ => format!("{},{:03}", count / 1000, count % 1000),
            };
            text += &format!(
                "<text class=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n",
                self.x(index),
                BOTTOM + 20.0
            );
        }
        text += &format!(
            "<path class=\"axis\" d=\"M{left} {TOP}V{BOTTOM}H{right}\"/>\
             <text class=\"middle\" x=\"{:.1}\" y=\"{:.1}\">connections</text>\n",
            left + WIDTH / 2.0,
            BOTTOM + 40.0
        );
        text
    }

    /// Draws one server: its line and its marks.
    fn line(&self, class: &str, shares: [f64; 3]) -> String {
        let points: Vec<String> = shares
            .iter()
            .enumerate()
            .map(|(index, share)| format!("{:.1},{:.1}", self.x(index), y(*share)))
            .collect();
        let mut text = format!(
            "<polyline class=\"{class}\" points=\"{}\"/>",
            points.join(" ")
        );
        for (index, share) in shares.iter().enumerate() {
            text += &mark(class, self.x(index), y(*share));
        }
        text + "\n"
    }

    /// Returns the place of a count: each is ten times the one before, so the scale is logarithmic.
    fn x(&self, index: usize) -> f64 {
        self.left + WIDTH * (0.08 + 0.42 * index as f64)
    }
}

fn mark(class: &str, x: f64, y: f64) -> String {
    match class {
        "ours" => format!("<circle class=\"mark {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
        _ => {
            let (left, top) = (x - 4.0, y - 4.0);
            format!(
                "<rect class=\"mark {class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"8\" height=\"8\"/>"
            )
        }
    }
}

fn y(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

const TOP: f64 = 44.0;
const BOTTOM: f64 = 260.0;
const WIDTH: f64 = 270.0;

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 350" role="img" aria-labelledby="t d">
<title id="t">Deliveries a second and memory as connections grow</title>
<desc id="d">The emulator beside a bare loop of tokio-websockets, at 100, 1,000 and 10,000 connections.</desc>
<style>
.page { fill: #fff }
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.end { text-anchor: end }
.middle { text-anchor: middle }
.axis { fill: none; stroke: #57606a }
.grid { fill: none; stroke: #d8dee4 }
.ours { fill: none; stroke: #0b62c4; stroke-width: 2.5 }
.bare { fill: none; stroke: #a5480a; stroke-width: 2; stroke-dasharray: 6 4 }
.mark.ours { fill: #0b62c4 }
.mark.bare { fill: #fff; stroke-dasharray: none }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
text { fill: #e6edf3 }
.axis { stroke: #8b949e }
.grid { stroke: #30363d }
.ours { stroke: #6cb0ff }
.bare { stroke: #f0a36b }
.mark.ours { fill: #6cb0ff }
.mark.bare { fill: #0d1117 }
}
</style>
<rect class="page" width="720" height="350"/>
"#;

const LEGEND: &str = r#"<path class="ours" d="M70 330H110"/><circle class="mark ours" cx="90" cy="330" r="4.5"/>
<text x="118" y="334">emulator</text>
<path class="bare" d="M210 330H250"/><rect class="mark bare" x="226" y="326" width="8" height="8"/>
<text x="258" y="334">bare tokio-websockets in a loop</text>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn() -> String {
        svg(&|scenario, subject| {
            let index = COUNTS
                .iter()
                .position(|count| scenario.ends_with(&format!("-{count}")))?;
            let size = COUNTS[index] as f64;
            Some(match (scenario.contains("memory"), subject) {
                // 10 KiB each, and 5.
                (true, OURS) => size * 10.0,
                (true, _) => size * 5.0,
                (false, OURS) => 100.0,
                (false, _) => [200.0, 150.0, 50.0][index],
            })
        })
    }

    #[test]
    fn points_are_where_the_figures_say() {
        let drawn = drawn();
        // Half of the most, at every count: half way up.
        let half = format!("{:.1}", (TOP + BOTTOM) / 2.0);
        let ours = format!(r#"class="ours" points="91.6,{half} 205.0,{half} 318.4,{half}""#);
        assert!(drawn.contains(&ours), "{ours}\n{drawn}");
        // All of it, three quarters, one quarter.
        let bare = r#"class="bare" points="91.6,44.0 205.0,98.0 318.4,206.0""#;
        assert!(drawn.contains(bare), "{drawn}");
        // From 0.1 to 100 MiB; linear memory is a straight line.
        let lines: Vec<&str> = drawn
            .lines()
            .filter(|line| line.contains("points"))
            .collect();
        let heights: Vec<f64> = lines[3]
            .split_once("points=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(points, _)| points)
            .unwrap()
            .split([' ', ','])
            .skip(1)
            .step_by(2)
            .map(|y| y.parse().unwrap())
            .collect();
        assert!(
            (heights[0] - 2.0 * heights[1] + heights[2]).abs() < 0.2,
            "{heights:?}"
        );
        for label in [">0.1<", ">1<", ">100<", ">10,000<", ">connections<"] {
            assert!(drawn.contains(label), "{label}\n{drawn}");
        }
    }

    #[test]
    fn every_element_ends_and_nothing_is_drawn_outside() {
        let drawn = drawn();
        let mut open = Vec::new();
        for tag in drawn.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap();
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(!drawn.contains("NaN") && !drawn.contains("\"-"), "{drawn}");
    }

    #[test]
    fn nothing_is_drawn_of_half_a_measurement() {
        assert_eq!(
            svg(&|scenario, _| (!scenario.ends_with("-100")).then_some(1.0)),
            ""
        );
    }
}
