//! QR codes: what a phone scans to open the version that was just attached.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::object::{Business, BusinessType, PlatformProvider};
use weir_config::operation;

use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::resource::{self, Resource};
use super::{AdminState, platform};
use crate::platform::TrialQr;

/// Pixels of a module's side, and modules of the quiet zone (ISO/IEC 18004, 5.3.8: four).
const MODULE_PIXELS: usize = 8;
const QUIET_MODULES: usize = 4;

/// A QR code in the forms that a page can show and a program can draw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct QrView {
    /// What the code says: what opens the `trial` version. Empty where the platform gives a picture only.
    pub content: String,
    /// The code as an SVG picture; empty where the content is too long for a QR code.
    pub svg: String,
    /// The code as a PNG picture, base64; empty where the platform's own picture is of another kind.
    pub png: String,
    /// The platform's own picture, where it gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureView>,
}

/// A picture as the platform made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PictureView {
    #[schema(example = "image/jpeg")]
    pub media_type: String,
    /// Its bytes, base64.
    pub base64: String,
}

/// The QR code of a mini program's trial version, SVG
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/qr.svg", tag = "businesses",
    params(("business" = String, Path, description = "The business's id, an appid")),
    responses((status = 200, description = "A picture", body = String, content_type = "image/svg+xml")),
)]
pub async fn get_svg(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let qr = of(&state, &business).await?;
    picture("image/svg+xml", qr.svg.into_bytes())
}

/// The same, PNG
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/qr.png", tag = "businesses",
    params(("business" = String, Path, description = "The business's id, an appid")),
    responses((status = 200, description = "A picture", body = String, content_type = "image/png")),
)]
pub async fn get_png(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let qr = of(&state, &business).await?;
    picture("image/png", STANDARD.decode(&qr.png).unwrap_or_default())
}

/// The platform's own picture of it, as it comes (WeChat: JPEG)
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/qr.jpg", tag = "businesses",
    params(("business" = String, Path, description = "The business's id, an appid")),
    responses((status = 200, description = "A picture", body = String, content_type = "image/jpeg")),
)]
pub async fn get_jpg(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let qr = of(&state, &business).await?;
    let own = qr.picture.unwrap_or_else(|| PictureView {
        media_type: "image/jpeg".to_owned(),
        base64: String::new(),
    });
    picture(
        &own.media_type,
        STANDARD.decode(&own.base64).unwrap_or_default(),
    )
}

fn picture(media_type: &str, bytes: Vec<u8>) -> Result<HttpResponse, Problem> {
    if bytes.is_empty() {
        let detail = "The code does not exist as such a picture. qr.svg is there always; qr.png is drawn by the \
                      node, qr.jpg comes from the WeChat open platform.";
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_picture",
            detail,
        ));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(media_type.to_owned())
        .body(bytes))
}

async fn of(state: &AdminState, id: &str) -> Result<QrView, Problem> {
    let snapshot = state.config.catalog();
    let business = snapshot.catalog.business(id);
    let business = business.ok_or_else(|| resource::no_such(Business::NAME, id))?;
    trial(state, business).await
}

/// The QR code that opens a business's trial version.
///
/// # Errors
/// 404 `no_qr_code` for what is no mini program; why the platform gives none.
pub async fn trial(state: &AdminState, business: &Business) -> Result<QrView, Problem> {
    if business.business_type != BusinessType::MiniProgram {
        let detail = "Only mini programs have a trial version that a QR code opens. Open a web page by its own \
                      address, an app as you always do.";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_qr_code", detail));
    }
    if platform::provider_of(state, &business.appid, None) == PlatformProvider::Local {
        let snapshot = state.config.catalog();
        return Ok(draw(operation::trial_qr_content(
            &snapshot.catalog,
            business,
        )));
    }
    let appid = business.appid.clone();
    let asked = platform::platform(state)?.ask(move |providers| {
        Box::pin(async move {
            providers
                .of(PlatformProvider::Wechat)?
                .trial_qr(&appid)
                .await
        })
    });
    Ok(match asked.await? {
        TrialQr::Content(content) => draw(content),
        TrialQr::Picture { media_type, bytes } => QrView::of_picture(&media_type, &bytes),
    })
}

/// Draws a QR code, medium error correction, with its quiet zone.
pub fn draw(content: String) -> QrView {
    let Ok(code) = QrCode::with_error_correction_level(&content, EcLevel::M) else {
        return QrView {
            content,
            ..QrView::default()
        };
    };
    QrView {
        svg: code
            .render::<svg::Color<'_>>()
            .min_dimensions(240, 240)
            .build(),
        png: png(&code).map_or_else(String::new, |png| STANDARD.encode(png)),
        content,
        picture: None,
    }
}

/// The code as an 8-bit grey PNG.
fn png(code: &QrCode) -> Option<Vec<u8>> {
    let modules = code.width();
    let side = (modules + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let colors = code.to_colors();
    let dark = |x: usize, y: usize| {
        let module = |pixel: usize| (pixel / MODULE_PIXELS).checked_sub(QUIET_MODULES);
        let (x, y) = (module(x)?, module(y)?);
        (x < modules && y < modules).then(|| colors[y * modules + x] == Color::Dark)
    };
    let shade = |i: usize| {
        if dark(i % side, i / side) == Some(true) {
            0
        } else {
            255
        }
    };
    let pixels: Vec<u8> = (0..side * side).map(shade).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .ok()?
        .write_image_data(&pixels)
        .ok()?;
    Some(bytes)
}

// === impl QrView ===

impl QrView {
    /// A picture that somebody else drew. In SVG it is put into a frame, so that a page can show it as any other.
    fn of_picture(media_type: &str, bytes: &[u8]) -> Self {
        // It stands in an attribute.
        let legal = |c: char| c.is_ascii_alphanumeric() || "/+.-".contains(c);
        let media_type: String = media_type.chars().take_while(|c| legal(*c)).collect();
        let base64 = STANDARD.encode(bytes);
        QrView {
            content: String::new(),
            svg: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"280\" height=\"280\" viewBox=\"0 0 280 280\">\
                 <image width=\"280\" height=\"280\" href=\"data:{media_type};base64,{base64}\"/></svg>"
            ),
            png: match media_type.as_str() {
                "image/png" => base64.clone(),
                _ => String::new(),
            },
            picture: Some(PictureView { media_type, base64 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_picture_of_its_content_in_both_forms() {
        let view = draw("https://weir.localhost/t".to_owned());
        assert_eq!(view.content, "https://weir.localhost/t");
        assert!(
            view.svg.contains("<svg") && view.svg.ends_with("</svg>"),
            "{}",
            view.svg
        );
        let bytes = STANDARD.decode(&view.png).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, info.height);
        let side = info.width as usize;
        let at = |module: usize| {
            let middle = (QUIET_MODULES + module) * MODULE_PIXELS + MODULE_PIXELS / 2;
            pixels[middle * side + middle]
        };
        assert_eq!(pixels[0], 255, "the quiet zone is light");
        // The finder pattern in the corner: dark, light, dark.
        assert_eq!((at(0), at(1), at(2)), (0, 255, 0));
    }

    #[test]
    fn what_no_qr_code_can_hold_is_still_told() {
        let view = draw("x".repeat(8_000));
        assert_eq!(
            (view.content.len(), view.svg.as_str(), view.png.as_str()),
            (8_000, "", "")
        );
    }

    #[test]
    fn a_platforms_own_picture_is_shown_in_a_frame() {
        let view = QrView::of_picture("image/jpeg\"><script>", b"jpeg");
        assert!(
            view.svg.contains("data:image/jpeg;base64,anBlZw=="),
            "{}",
            view.svg
        );
        assert!(!view.svg.contains("script") && view.png.is_empty());
    }
}
