mod begin;
mod network;
mod sim;
