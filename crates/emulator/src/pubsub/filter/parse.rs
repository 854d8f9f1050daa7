//! The recursive-descent parser of filters. Chains of `and` and `or` are flat,
//! so that only parentheses, calls and `not` nest. Pure.
//!
//! ```text
//! or      := and { "or" and }
//! and     := compare { "and" compare }
//! compare := unary { ("eq"|"ne"|"gt"|"ge"|"lt"|"le") unary }
//! unary   := "not" unary | in
//! in      := primary { "in" ( "(" or {"," or} ")" | primary ) }
//! primary := literal | identifier | name "(" [or {"," or}] ")" | "(" or ")"
//! ```

use std::ops::Range;

use super::lex::{self, Kind, Token};
use super::{FilterError, Function, MAX_DEPTH};

/// An expression and its byte range.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) node: Node,
    pub(super) span: Range<usize>,
}

impl Expr {
    /// Returns the expression as it was written.
    pub(super) fn text<'a>(&self, filter: &'a str) -> &'a str {
        &filter[self.span.clone()]
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i32),
    Text(String),
    Field(Field),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// A first operand, and the operators and operands that follow, from left to right.
    Compare(Box<Expr>, Vec<(Operator, Expr)>),
    InList(Box<Expr>, Vec<Expr>),
    In(Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    ConnectionId,
    Groups,
    Protocol,
    UserId,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Parses a whole filter.
pub(super) fn parse(text: &str) -> Result<Expr, FilterError> {
    let mut parser = Parser {
        text,
        token: lex::next(text, 0)?,
        end: 0,
        depth: 0,
        unsupported: None,
    };
    let root = parser.or()?;
    if parser.token.kind != Kind::End {
        return Err(parser.syntax_error());
    }
    match parser.unsupported {
        // Only if the syntax is valid: the service checks the syntax first, too.
        Some(token) => Err(FilterError::unsupported(text, &token)),
        None => Ok(root),
    }
}

struct Parser<'a> {
    text: &'a str,
    token: Token,
    /// The end of the last consumed token.
    end: usize,
    depth: usize,
    /// The first unknown name.
    unsupported: Option<String>,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expr, FilterError> {
        self.chain("or", Self::and, Node::Or)
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        self.chain("and", Self::compare, Node::And)
    }

    fn chain(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Expr, FilterError>,
        node: fn(Vec<Expr>) -> Node,
    ) -> Result<Expr, FilterError> {
        let first = part(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let start = first.span.start;
        let mut parts = vec![first];
        while self.take_word(word)? {
            parts.push(part(self)?);
        }
        Ok(self.expr(start, node(parts)))
    }

    fn compare(&mut self) -> Result<Expr, FilterError> {
        let first = self.unary()?;
        let start = first.span.start;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator() {
            self.advance()?;
            rest.push((operator, self.unary()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(self.expr(start, Node::Compare(Box::new(first), rest)))
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        let start = self.token.span.start;
        if !self.take_word("not")? {
            return self.membership();
        }
        let operand = self.nested(Self::unary)?;
        Ok(self.expr(start, Node::Not(Box::new(operand))))
    }

    fn membership(&mut self) -> Result<Expr, FilterError> {
        let mut left = self.primary()?;
        let mut depth = 0;
        while self.take_word("in")? {
            // Each is the operand of the next, so the tree grows deeper although the grammar does
            // not nest.
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(FilterError::too_deep(self.text));
            }
            let start = left.span.start;
            let node = if self.token.kind == Kind::Open {
                Node::InList(Box::new(left), self.list()?)
            } else {
                Node::In(Box::new(left), Box::new(self.primary()?))
            };
            left = self.expr(start, node);
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Expr, FilterError> {
        let start = self.token.span.start;
        let node = match &self.token.kind {
            Kind::Int(number) => Node::Int(*number),
            Kind::Text(text) => Node::Text(text.clone()),
            Kind::Word => return self.word(),
            Kind::Open => {
                self.advance()?;
                let inner = self.nested(Self::or)?;
                self.take(&Kind::Close)?;
                return Ok(self.expr(start, inner.node));
            }
            Kind::Close | Kind::Comma | Kind::End => return Err(self.syntax_error()),
        };
        self.advance()?;
        Ok(self.expr(start, node))
    }

    /// Parses a keyword's value, an identifier, or a call.
    fn word(&mut self) -> Result<Expr, FilterError> {
        let start = self.token.span.start;
        let word = self.text[self.token.span.clone()].to_owned();
        if ["and", "or", "not", "in"].contains(&word.as_str()) || self.operator().is_some() {
            return Err(self.syntax_error());
        }
        self.advance()?;
        if self.token.kind == Kind::Open {
            let function = Function::from_name(&word);
            let arguments = self.arguments()?;
            let Some(function) = function else {
                self.unsupported.get_or_insert(word);
                return Ok(self.expr(start, Node::Null));
            };
            let (least, most) = function.arity();
            if !(least..=most).contains(&arguments.len()) {
                let call = &self.text[start..self.end];
                return Err(FilterError::arguments(call, &word));
            }
            return Ok(self.expr(start, Node::Call(function, arguments)));
        }
        let node = match word.as_str() {
            "null" => Node::Null,
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            name => match field(name) {
                Some(field) => Node::Field(field),
                None => {
                    self.unsupported.get_or_insert(word);
                    Node::Null
                }
            },
        };
        Ok(self.expr(start, node))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, FilterError> {
        let next = lex::next(self.text, self.token.span.end)?;
        if next.kind == Kind::Close {
            self.advance()?;
            self.advance()?;
            return Ok(Vec::new());
        }
        self.list()
    }

    /// `( or {, or} )`
    fn list(&mut self) -> Result<Vec<Expr>, FilterError> {
        self.take(&Kind::Open)?;
        let mut items = vec![self.nested(Self::or)?];
        while self.token.kind == Kind::Comma {
            self.advance()?;
            items.push(self.nested(Self::or)?);
        }
        self.take(&Kind::Close)?;
        Ok(items)
    }

    fn nested(
        &mut self,
        inner: fn(&mut Self) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FilterError::too_deep(self.text));
        }
        let expr = inner(self)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn operator(&self) -> Option<Operator> {
        if self.token.kind != Kind::Word {
            return None;
        }
        Some(match &self.text[self.token.span.clone()] {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        })
    }

    fn is_word(&self, word: &str) -> bool {
        self.token.kind == Kind::Word && &self.text[self.token.span.clone()] == word
    }

    fn take_word(&mut self, word: &str) -> Result<bool, FilterError> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn take(&mut self, kind: &Kind) -> Result<(), FilterError> {
        if self.token.kind != *kind {
            return Err(self.syntax_error());
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<(), FilterError> {
        self.end = self.token.span.end;
        self.token = lex::next(self.text, self.end)?;
        Ok(())
    }

    fn expr(&self, start: usize, node: Node) -> Expr {
        Expr {
            node,
            span: start..self.end,
        }
    }

    /// Returns the error; the service reports the position after the unexpected token.
    fn syntax_error(&self) -> FilterError {
        FilterError::syntax(self.text, self.token.span.end)
    }
}

fn field(name: &str) -> Option<Field> {
    [
        ("connectionId", Field::ConnectionId),
        ("groups", Field::Groups),
        ("protocol", Field::Protocol),
        ("userId", Field::UserId),
    ]
    .into_iter()
    .find(|(known, _)| known.eq_ignore_ascii_case(name))
    .map(|(_, field)| field)
}
