//! The operations and the catalog, as an operator and another node see them.

mod agreement;
mod alarm;
mod business;
mod catalog;
mod client;
mod document;
mod domain;
mod elastic;
mod fixture;
mod gateway;
mod history;
mod legal;
mod manual;
mod node;
mod one_key;
mod patch;
mod platform;
mod refusals;
mod region;
mod schedule;
mod space;
