//! One path of the admin API: its methods, and a 405 that names them.

use actix_web::guard;
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, web};

use super::problem::Problem;

/// A path and what may be done there.
pub struct Endpoint {
    pub path: &'static str,
    pub methods: Vec<&'static str>,
    resource: Resource,
}

/// A path without methods yet.
pub fn endpoint(path: &'static str) -> Endpoint {
    Endpoint {
        path,
        methods: Vec::new(),
        resource: web::resource(path),
    }
}

macro_rules! method {
    ($name:ident, $method:expr) => {
        pub fn $name<F, Args>(self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.on($method, handler)
        }
    };
}

// === impl Endpoint ===

impl Endpoint {
    method!(get, Method::GET);
    method!(put, Method::PUT);
    method!(post, Method::POST);
    method!(patch, Method::PATCH);
    method!(delete, Method::DELETE);

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let name = match method {
            Method::GET => "GET",
            Method::PUT => "PUT",
            Method::POST => "POST",
            Method::PATCH => "PATCH",
            _ => "DELETE",
        };
        self.methods.push(name);
        // HEAD is GET without the body, which actix leaves out (RFC 9110, 9.3.2).
        let asked = guard::fn_guard(move |request| {
            let sent = &request.head().method;
            *sent == method || (method == Method::GET && *sent == Method::HEAD)
        });
        self.resource = self.resource.route(web::route().guard(asked).to(handler));
        self
    }

    /// The path as actix serves it; other methods get 405 and what is allowed.
    pub fn mount(self) -> Resource {
        let mut allow = self.methods.clone();
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        let allow = allow.join(", ");
        self.resource
            .name(self.path)
            .default_service(web::to(move |request: HttpRequest| {
                let allow = allow.clone();
                async move { Err::<&str, _>(wrong_method(&request, allow)) }
            }))
    }
}

fn wrong_method(request: &HttpRequest, allow: String) -> Problem {
    let detail = format!(
        "{} cannot be used here. What can: {allow}.",
        request.method()
    );
    let mut problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    problem.allow = Some(allow);
    problem
}
