//! Parses and prints a small language of expressions.

#![warn(missing_docs)]

extern crate alloc;

mod lexer;

use std::collections::{BTreeMap, HashMap as Map};
use std::fmt::{self, Display};

use crate::lexer::Token;

/// How deep expressions may be nested.
pub const MAX_DEPTH: usize = 64;
static mut COUNT: u32 = 0;

/// Result of parsing.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was left to read.
    End,
    Unexpected { token: Token, at: usize },
}

#[repr(C)]
union Bits {
    float: f32,
    word: u32,
}

/// An expression.
#[derive(Debug)]
pub struct Expr<'a, T: 'a> {
    pub op: Op,
    args: Vec<&'a T>,
}

pub struct Unit;
struct Wrapper(u8);

/// What can be evaluated.
pub trait Eval {
    type Output;
    const ARITY: usize = 0;

    fn eval(&self, names: &Map<String, f64>) -> Result<Self::Output>;

    /// Evaluates without any names.
    fn eval_alone(&self) -> Result<Self::Output> {
        self.eval(&Map::new())
    }
}

impl<'a, T> Expr<'a, T>
where
    T: Eval<Output = f64>,
{
    /// Makes an expression.
    #[inline]
    #[must_use]
    pub fn new(op: Op, args: Vec<&'a T>) -> Self {
        Self { op, args }
    }

    pub(crate) async unsafe fn count() -> u32 {
        fn add(n: u32) -> u32 {
            n + 1
        }
        COUNT = add(COUNT);
        COUNT
    }
}

impl<T> Display for Expr<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", r#"raw "text""#)
    }
}

impl Eval for &lexer::Number {
    type Output = f64;

    fn eval(&self, _: &Map<String, f64>) -> Result<f64> {
        match self.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(Error::End),
        }
    }
}

/// Builds a map of names.
#[macro_export]
macro_rules! names {
    ($($key:ident = $value:expr),* $(,)?) => {{
        let mut map = $crate::Map::new();
        $(map.insert(stringify!($key).to_string(), $value);)*
        map
    }};
}

extern "C" {
    fn cosf(x: f32) -> f32;
}

pub mod print {
    use super::*;

    /* Plain text, no colours. */
    pub fn plain(tree: &BTreeMap<u32, String>) -> String {
        let join = |a: String, b: &String| a + b;
        tree.values().fold(String::new(), join)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_adds() {
        assert_eq!(1 + 1, 2);
    }
}
