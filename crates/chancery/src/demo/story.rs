//! How the demo speaks: numbered chapters, short lines, and checks that must hold.

use std::fmt::Display;
use std::io::{IsTerminal, stdout};

use crate::output::{Failure, line};

/// The narrator.
pub struct Story {
    chapter: u32,
    checks: u32,
    bold: bool,
}

impl Story {
    /// Begins.
    pub fn new() -> Self {
        Self { chapter: 0, checks: 0, bold: stdout().is_terminal() }
    }

    /// A new chapter.
    pub fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        let title = format!("{}. {title}", self.chapter);
        line(if self.bold { format!("\n\x1b[1m{title}\x1b[0m") } else { format!("\n{title}") });
    }

    /// A line of the story.
    pub fn say(&self, text: impl Display) {
        for part in text.to_string().lines() {
            line(format_args!("   {part}"));
        }
    }

    /// A promise that must hold: said with a tick where it does, the end of the demo where it does not.
    pub fn check(&mut self, holds: bool, promise: impl Display) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::new(format!("   ✗ does not hold: {promise}")));
        }
        self.checks += 1;
        line(format_args!("   ✓ {promise}"));
        Ok(())
    }

    /// How many checks held.
    pub fn checks(&self) -> u32 {
        self.checks
    }
}

/// A number with thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A quantile of times in milliseconds.
pub fn quantile_ms(times_ms: &mut [f64], q: f64) -> f64 {
    times_ms.sort_by(f64::total_cmp);
    times_ms.get(((times_ms.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
