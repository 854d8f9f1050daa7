//! The evaluation of a filter for one connection. Both sides of `and` and `or`
//! are always evaluated, so that type errors do not depend on data. Pure.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::parse::{Expr, Field, Node, Operator};
use super::{FilterError, Function, Subject};

/// A value in a filter.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i32),
    Text(Cow<'a, str>),
    Groups(&'a BTreeSet<Arc<str>>),
}

impl Value<'_> {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Text(_) => "string",
            Self::Groups(_) => "collection",
        }
    }

    /// Whether two values are equal; those of different types are not.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Groups(a), Self::Groups(b)) => a == b,
            _ => false,
        }
    }
}

pub(super) fn eval<'a>(
    expr: &'a Expr,
    subject: &Subject<'a>,
    filter: &str,
) -> Result<Value<'a>, FilterError> {
    Ok(match &expr.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Int(value) => Value::Int(*value),
        Node::Text(text) => Value::Text(Cow::Borrowed(text)),
        Node::Field(field) => read(*field, subject),
        Node::Not(operand) => match eval(operand, subject, filter)? {
            Value::Bool(value) => Value::Bool(!value),
            other => return Err(FilterError::of_type(expr.text(filter), &other, "bool")),
        },
        Node::And(parts) => {
            let mut all = true;
            for part in parts {
                all &= condition(part, subject, filter)?;
            }
            Value::Bool(all)
        }
        Node::Or(parts) => {
            let mut any = false;
            for part in parts {
                any |= condition(part, subject, filter)?;
            }
            Value::Bool(any)
        }
        Node::Compare(first, rest) => {
            let mut left = eval(first, subject, filter)?;
            for (operator, right) in rest {
                let right = eval(right, subject, filter)?;
                left = Value::Bool(
                    compare(*operator, &left, &right)
                        .map_err(|wrong| FilterError::of_type(expr.text(filter), wrong, "int"))?,
                );
            }
            left
        }
        Node::InList(left, items) => {
            let left = eval(left, subject, filter)?;
            let mut found = false;
            for item in items {
                found |= eval(item, subject, filter)?.is(&left);
            }
            Value::Bool(found)
        }
        Node::In(left, right) => {
            let left = eval(left, subject, filter)?;
            match (left, eval(right, subject, filter)?) {
                (Value::Text(group), Value::Groups(groups)) => {
                    Value::Bool(groups.contains(&*group))
                }
                (_, Value::Groups(_) | Value::Null) => Value::Bool(false),
                (_, other) => {
                    return Err(FilterError::of_type(
                        expr.text(filter),
                        &other,
                        "collection",
                    ));
                }
            }
        }
        Node::Call(function, arguments) => call(expr, *function, arguments, subject, filter)?,
    })
}

fn read<'a>(field: Field, subject: &Subject<'a>) -> Value<'a> {
    let text = |text: Option<&'a str>| text.map_or(Value::Null, |text| Value::Text(text.into()));
    match field {
        Field::ConnectionId => text(Some(subject.connection_id)),
        Field::Groups => Value::Groups(subject.groups),
        Field::Protocol => text(subject.protocol),
        Field::UserId => text(subject.user_id),
    }
}

fn condition(expr: &Expr, subject: &Subject<'_>, filter: &str) -> Result<bool, FilterError> {
    match eval(expr, subject, filter)? {
        Value::Bool(value) => Ok(value),
        other => Err(FilterError::of_type(expr.text(filter), &other, "bool")),
    }
}

/// Compares; the error is the side that is neither a number nor null. The right
/// side is checked first: null there is false for any left side.
fn compare<'v, 'a>(
    operator: Operator,
    left: &'v Value<'a>,
    right: &'v Value<'a>,
) -> Result<bool, &'v Value<'a>> {
    match operator {
        Operator::Eq => return Ok(left.is(right)),
        Operator::Ne => return Ok(!left.is(right)),
        _ => {}
    }
    let right = match right {
        Value::Int(right) => right,
        Value::Null => return Ok(false),
        other => return Err(other),
    };
    let left = match left {
        Value::Int(left) => left,
        Value::Null => return Ok(false),
        other => return Err(other),
    };
    let order = left.cmp(right);
    Ok(match operator {
        Operator::Gt => order == Ordering::Greater,
        Operator::Ge => order != Ordering::Less,
        Operator::Lt => order == Ordering::Less,
        _ => order != Ordering::Greater,
    })
}

fn call<'a>(
    expr: &Expr,
    function: Function,
    arguments: &'a [Expr],
    subject: &Subject<'a>,
    filter: &str,
) -> Result<Value<'a>, FilterError> {
    let value = |index: usize| eval(&arguments[index], subject, filter);
    let text = |index: usize| match value(index)? {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        other => Err(FilterError::of_type(expr.text(filter), &other, "string")),
    };
    let int = |index: usize| match value(index)? {
        Value::Null => Ok(None),
        Value::Int(number) => Ok(Some(number)),
        other => Err(FilterError::of_type(expr.text(filter), &other, "int")),
    };
    let change = |of: fn(&str) -> String| -> Result<Value<'a>, FilterError> {
        Ok(text(0)?.map_or(Value::Null, |text| Value::Text(of(&text).into())))
    };
    let test = |of: fn(&str, &str) -> bool| -> Result<Value<'a>, FilterError> {
        Ok(Value::Bool(match (text(0)?, text(1)?) {
            (Some(text), Some(part)) => of(&text, &part),
            _ => false,
        }))
    };
    match function {
        Function::ToLower => change(|text| text.chars().map(lower).collect()),
        Function::ToUpper => change(|text| text.chars().map(upper).collect()),
        Function::Trim => change(|text| text.trim().to_owned()),
        Function::Contains => test(|text, part| text.contains(part)),
        Function::StartsWith => test(|text, part| text.starts_with(part)),
        Function::EndsWith => test(|text, part| text.ends_with(part)),
        Function::Concat => Ok(match (text(0)?, text(1)?) {
            (Some(left), Some(right)) => Value::Text((left.into_owned() + &right).into()),
            (Some(one), None) | (None, Some(one)) => Value::Text(one),
            (None, None) => Value::Null,
        }),
        Function::IndexOf => Ok(Value::Int(match (text(0)?, text(1)?) {
            (Some(text), Some(part)) => {
                text.find(&*part).map_or(-1, |index| length(&text[..index]))
            }
            _ => -1,
        })),
        Function::Length => match value(0)? {
            Value::Null => Ok(Value::Null),
            Value::Text(text) => Ok(Value::Int(length(&text))),
            Value::Groups(groups) => Ok(Value::Int(groups.len().try_into().unwrap_or(i32::MAX))),
            other => Err(FilterError::of_type(expr.text(filter), &other, "string")),
        },
        Function::Substring => {
            let (text, start) = (text(0)?, int(1)?);
            let count = match arguments.len() {
                3 => Some(int(2)?),
                _ => None,
            };
            Ok(text
                .zip(start)
                .and_then(|(text, start)| substring(&text, start, count))
                .map_or(Value::Null, |part| Value::Text(part.into())))
        }
    }
}

/// Returns the lower case of a letter, if it is a single one: .NET converts letter by letter.
fn lower(letter: char) -> char {
    only(letter.to_lowercase()).unwrap_or(letter)
}

/// Returns the upper case of a letter, if it is a single one.
fn upper(letter: char) -> char {
    only(letter.to_uppercase()).unwrap_or(letter)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// Returns the length in UTF-16 units, as the service counts.
fn length(text: &str) -> i32 {
    text.encode_utf16().count().try_into().unwrap_or(i32::MAX)
}

/// Returns a part of `text`, counted in UTF-16 units; `None` if it is out of range.
fn substring(text: &str, start: i32, count: Option<Option<i32>>) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let start = usize::try_from(start).ok()?;
    let end = match count {
        None => units.len(),
        Some(count) => start.checked_add(usize::try_from(count?).ok()?)?,
    };
    units.get(start..end).map(String::from_utf16_lossy)
}
