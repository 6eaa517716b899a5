use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The regions a new cluster begins with.
pub const DEFAULT_REGIONS: [&str; 3] = ["shanghai", "shenzhen", "tianjin"];

/// A place where nodes stand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// A DNS label: part of every access domain of the region.
    pub id: String,
    #[serde(default)]
    pub name: String,
}
