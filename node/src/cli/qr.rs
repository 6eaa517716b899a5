//! QR codes in a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Draws a QR code with half blocks, light on dark as most terminals are; `None` where the content does not
/// fit into one.
pub fn render(content: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(content, EcLevel::L).ok()?;
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_drawn_with_blocks_in_lines_of_one_width_within_a_quiet_zone() {
        let picture = render("https://weir.localhost/t").unwrap();
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.len() > 10);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() == lines[0].chars().count())
        );
        assert!(picture.chars().all(|c| " ▀▄█\n".contains(c)));
        assert!(
            lines[0].chars().all(|c| c == '█'),
            "the quiet zone is light"
        );
    }

    #[test]
    fn what_no_qr_code_can_hold_is_not_drawn() {
        assert_eq!(render(&"x".repeat(8_000)), None);
    }
}
