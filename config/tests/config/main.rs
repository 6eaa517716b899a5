//! The operations and the catalog, as an operator and another node see them.

mod business;
mod catalog;
mod domain;
mod fixture;
mod gateway;
mod one_key;
mod patch;
mod platform;
mod space;
