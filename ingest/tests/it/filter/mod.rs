//! Filter words: what they mean, that both their forms agree, and that the books close over what they reject.

mod agree;
mod frames;
mod kernel;
mod machine;
mod meaning;
mod run;
mod tcpdump;
