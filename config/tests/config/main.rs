//! The operations and the catalog, as an operator and another node see them.

mod business;
mod catalog;
mod document;
mod domain;
mod elastic;
mod fixture;
mod gateway;
mod history;
mod one_key;
mod patch;
mod platform;
mod space;
