use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Admin, TOKEN};

/// The admin port on real sockets.
async fn serve(admin: &Admin) -> (SocketAddr, ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = crate::admin::server(admin.state.clone(), listener).unwrap();
    let handle = server.handle();
    actix_rt::spawn(server);
    (addr, handle)
}

#[actix_web::test]
async fn the_admin_port_takes_changes_and_answers_problems() {
    let admin = Admin::begin().await;
    let (addr, server) = serve(&admin).await;
    let client = awc::Client::default();
    let space = format!("http://{addr}/admin/v1/spaces/acme");
    let put = client
        .put(&space)
        .bearer_auth(TOKEN)
        .send_json(&json!({"name": "Acme"}));
    assert_eq!(put.await.unwrap().status(), 201);
    let mut unauthorized = client.get(&space).send().await.unwrap();
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(
        unauthorized.headers().get("content-type").unwrap(),
        "application/problem+json"
    );
    let problem: serde_json::Value = unauthorized.json().await.unwrap();
    assert_eq!(
        (&problem["code"], &problem["instance"]),
        (&json!("unauthorized"), &json!("/admin/v1/spaces/acme"))
    );
    let head = client.head(&space).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert!(head.headers().contains_key("etag"));
    server.stop(false).await;
}

#[actix_web::test]
async fn a_body_longer_than_it_may_be_is_refused_before_it_is_read() {
    let admin = Admin::begin().await;
    let (addr, server) = serve(&admin).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "PUT /admin/v1/spaces/acme HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    server.stop(false).await;
}

#[actix_web::test]
async fn a_connection_ends_with_its_answer_so_that_every_head_has_a_deadline() {
    let admin = Admin::begin().await;
    let (addr, server) = serve(&admin).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: {addr}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(
        std::time::Duration::from_secs(5),
        stream.read_to_end(&mut answer),
    );
    end.await.expect("the node closes the connection").unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    server.stop(false).await;
}
