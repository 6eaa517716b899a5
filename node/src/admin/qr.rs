//! QR codes: what a phone scans to open the version that was just attached.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use utoipa::ToSchema;

/// A QR code in the form a page can show and the form a program can draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QrView {
    /// What the code says: what opens the `trial` version.
    pub content: String,
    /// The code as an SVG picture; empty where the content is too long for a QR code.
    pub svg: String,
}

/// Draws a QR code, medium error correction, with its quiet zone.
pub fn draw(content: String) -> QrView {
    let svg = QrCode::with_error_correction_level(&content, EcLevel::M)
        .map(|code| {
            code.render::<svg::Color<'_>>()
                .min_dimensions(240, 240)
                .build()
        })
        .unwrap_or_default();
    QrView { content, svg }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_picture_of_its_content() {
        let view = draw("https://weir.localhost/t".to_owned());
        assert_eq!(view.content, "https://weir.localhost/t");
        assert!(
            view.svg.contains("<svg") && view.svg.ends_with("</svg>"),
            "{}",
            view.svg
        );
    }

    #[test]
    fn what_no_qr_code_can_hold_is_still_told() {
        let view = draw("x".repeat(8_000));
        assert_eq!((view.content.len(), view.svg.as_str()), (8_000, ""));
    }
}
