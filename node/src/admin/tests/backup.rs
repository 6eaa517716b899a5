use super::{APPID, Admin};
use crate::store::Store;

#[actix_web::test]
async fn a_backup_is_a_store_with_everything_in_it() {
    let admin = Admin::with_a_business().await;
    let answer = admin.get("/admin/v1/backup").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/vnd.sqlite3");
    assert!(answer.header("content-disposition").contains("weir-n1-"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("copy.db");
    std::fs::write(&file, &answer.bytes).unwrap();
    let records = Store::open_file(&file).unwrap().load().unwrap();
    let names: Vec<String> = records
        .iter()
        .map(|record| record.key.to_string())
        .collect();
    assert!(names.contains(&format!("business/{APPID}")), "{names:?}");
}

#[actix_web::test]
async fn a_backup_leaves_nothing_behind_and_can_be_taken_again() {
    let admin = Admin::begin().await;
    for _ in 0..2 {
        admin.get("/admin/v1/backup").await.expect(200);
    }
    let files = std::fs::read_dir(&admin.state.settings.node.data_dir).unwrap();
    let left: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("backup")),
        "{left:?}"
    );
}
