//! Code from the REST description: the operations and models of the service
//! client, the routes of the emulator, the table that the tests iterate over,
//! and the coverage table of the documentation.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::description::{Description, Operation};
use super::{Generated, rustfmt};
use crate::process::Failure;

/// Returns the files that depend on the REST description.
pub(super) fn generate(description: &Description) -> Result<Vec<Generated>, Failure> {
    for operation in &description.operations {
        let lacks = |what: &str| Failure::new(format!("{} has no x-azwire {what}", operation.id));
        if name(operation).is_empty() {
            return Err(lacks("name"));
        }
        let said = |key: &str| operation.extension[key].as_str().unwrap_or_default();
        if !["idempotent", "none", "safe"].contains(&said("idempotency")) {
            return Err(lacks("idempotency that is safe, idempotent or none"));
        }
        if audience(operation).is_none() {
            return Err(lacks("audience that is request-url"));
        }
    }
    let rust = |path, text: String| {
        Ok(Generated {
            path,
            text: rustfmt(&text)?,
        })
    };
    Ok(vec![
        rust(
            "crates/pubsub/src/generated/operations.rs",
            operations(description),
        )?,
        rust("crates/pubsub/src/generated/models.rs", models(description))?,
        rust(
            "crates/emulator/src/generated/routes.rs",
            routes(description),
        )?,
        rust(
            "tests/pubsub/generated/operations.rs",
            test_table(description),
        )?,
        Generated {
            path: "crates/pubsub/spec/coverage.md",
            text: coverage(description),
        },
    ])
}

fn operations(description: &Description) -> String {
    let mut out = preamble("The operations of the service's REST interface.");
    let _ = write!(
        out,
        "use http::Method;

        /// An operation, with everything that its requests need.
        #[derive(Debug)]
        pub(crate) struct Operation {{
            /// The name of the client method.
            pub(crate) name: &'static str,
            pub(crate) method: Method,
            /// With `{{name}}` for each segment that the caller supplies.
            pub(crate) path: &'static str,
            /// The query parameters that it accepts, besides `api-version`.
            pub(crate) query: &'static [&'static str],
            /// The success statuses.
            pub(crate) success: &'static [u16],
            /// Whether the operation is a yes-or-no question, for which 404 means no.
            pub(crate) is_question: bool,
            /// Whether a second call with the same arguments has no further effect.
            pub(crate) is_idempotent: bool,
            /// Whether a success has a body.
            pub(crate) has_answer: bool,
            /// The audience of the request token.
            pub(crate) audience: TokenAudience,
        }}

        /// A token audience.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum TokenAudience {{
            /// The request URL, with its query.
            RequestUrl,
        }}

        /// The version of the REST interface.
        pub(crate) const API_VERSION: &str = {:?};
        ",
        description.version
    );
    for operation in &description.operations {
        let query: Vec<&str> = query(operation).collect();
        let _ = write!(
            out,
            "
            /// {}
            pub(crate) static {}: Operation = Operation {{
                name: {:?},
                method: Method::{},
                path: {:?},
                query: &{query:?},
                success: &{:?},
                is_question: {},
                is_idempotent: {},
                has_answer: {},
                audience: TokenAudience::{},
            }};
            ",
            operation.summary,
            name(operation).to_ascii_uppercase(),
            name(operation),
            operation.method,
            operation.path,
            success(operation),
            operation.responses.contains_key("404"),
            operation.extension["idempotency"] != "none",
            operation
                .responses
                .iter()
                .any(|(status, response)| status.starts_with('2') && response.shape.is_some()),
            audience(operation).unwrap_or_default(),
        );
    }
    out
}

/// Generates the request bodies. Responses are parsed by hand: serde's structs
/// accept less than a peer may send, and some of it differently.
fn models(description: &Description) -> String {
    let mut out = preamble("The request bodies of the service's REST interface.");
    out.push_str("use serde::Serialize;\n");
    let sent: BTreeSet<&str> = description
        .operations
        .iter()
        .filter_map(|operation| operation.body.as_ref()?.shape["ref"].as_str())
        .collect();
    for (schema_name, schema) in &description.schemas {
        if !sent.contains(schema_name.as_str()) {
            continue;
        }
        let _ = write!(
            out,
            "\n#[derive(Debug, Default, Serialize)]\n#[serde(rename_all = \"camelCase\")]\npub(crate) struct {schema_name} {{\n"
        );
        for (property_name, property) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == property_name));
            let field = snake_case(property_name);
            if camel_case(&field) != *property_name {
                let _ = writeln!(out, "#[serde(rename = {property_name:?})]");
            }
            let own = rust_type(property, schema_name);
            if required {
                let _ = writeln!(out, "pub(crate) {field}: {own},");
            } else {
                let _ = writeln!(
                    out,
                    "#[serde(skip_serializing_if = \"Option::is_none\")]\npub(crate) {field}: Option<{own}>,"
                );
            }
        }
        out.push_str("}\n");
    }
    out
}

fn routes(description: &Description) -> String {
    let mut out = preamble("The routes of the service's REST interface.");
    out.push_str(
        "use http::Method;

        /// An operation; a `match` on it must handle every one.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Operation {\n",
    );
    for operation in &description.operations {
        let _ = writeln!(out, "/// {}\n{},", operation.summary, variant(operation));
    }
    out.push_str(
        "}

        /// Returns the operation at a path, given as its segments after the first slash,
        /// still percent-encoded, and the segments that are parameters, in path order.
        pub(crate) fn route<'a>(method: &Method, path: &[&'a str]) -> Option<(Operation, Vec<&'a str>)> {
            let (operation, names) = match (method.as_str(), path) {\n",
    );
    for operation in &description.operations {
        let segments: Vec<String> = operation
            .path
            .split('/')
            .skip(1)
            .map(|segment| match segment.strip_prefix('{') {
                Some(name) => snake_case(name.trim_end_matches('}')),
                None => format!("{segment:?}"),
            })
            .collect();
        let names: Vec<&String> = segments
            .iter()
            .filter(|segment| !segment.starts_with('"'))
            .collect();
        let names = names.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let guards: Vec<String> = names
            .split(", ")
            .filter(|name| !name.is_empty())
            .map(|name| format!("!{name}.is_empty()"))
            .collect();
        let guard = if guards.is_empty() {
            String::new()
        } else {
            format!(" if {}", guards.join(" && "))
        };
        let pattern = segments.join(", ");
        let _ = writeln!(
            out,
            "({:?}, &[{pattern}]){guard} => (Operation::{}, vec![{names}]),",
            operation.method,
            variant(operation),
        );
    }
    out.push_str(
        "_ => return None,
            };
            Some((operation, names))
        }

        /// Returns whether any method has an operation at the path.
        pub(crate) fn has_path(path: &[&str]) -> bool {
            [Method::DELETE, Method::GET, Method::HEAD, Method::POST, Method::PUT]
                .iter()
                .any(|method| route(method, path).is_some())
        }
        ",
    );
    out
}

fn test_table(description: &Description) -> String {
    let mut out = preamble("The operations, for tests that iterate over all of them.");
    out.push_str(
        "/// An operation, for an exhaustive `match`.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub(crate) enum Operation {\n",
    );
    for operation in &description.operations {
        let _ = writeln!(out, "{},", variant(operation));
    }
    out.push_str(
        "}

        /// The description of an operation.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Described {
            pub(crate) operation: Operation,
            pub(crate) method: &'static str,
            pub(crate) path: &'static str,
            pub(crate) query: &'static [&'static str],
            pub(crate) success: u16,
            pub(crate) is_question: bool,
            pub(crate) is_idempotent: bool,
        }

        /// Every operation, in the order of the description.
        pub(crate) const ALL: &[Described] = &[\n",
    );
    for operation in &description.operations {
        let query: Vec<&str> = query(operation).collect();
        let _ = writeln!(
            out,
            "Described {{ operation: Operation::{}, method: {:?}, path: {:?}, query: &{query:?}, success: {}, is_question: {}, is_idempotent: {} }},",
            variant(operation),
            operation.method,
            operation.path,
            success(operation)[0],
            operation.responses.contains_key("404"),
            operation.extension["idempotency"] != "none",
        );
    }
    out.push_str("];\n");
    out
}

fn coverage(description: &Description) -> String {
    let mut out = String::from(
        "<!-- Generated by `cargo xtask codegen`, do not edit. -->\n\n\
         | operation | this crate | Python | JavaScript |\n| --- | --- | --- | --- |\n",
    );
    for operation in &description.operations {
        let cell = |text: &Value| match text.as_str() {
            Some("-") | None => "none".to_owned(),
            Some(name) => format!("`{name}`"),
        };
        let _ = writeln!(
            out,
            "| `{} {}` | [`{2}`](ServiceClient::{2}) | {3} | {4} |",
            operation.method,
            operation.path,
            name(operation),
            cell(&operation.extension["python"]),
            cell(&operation.extension["javascript"]),
        );
    }
    out
}

fn preamble(what: &str) -> String {
    format!("// Generated by `cargo xtask codegen`, do not edit.\n//! {what}\n\n")
}

fn name(operation: &Operation) -> &str {
    operation.extension["name"].as_str().unwrap_or_default()
}

/// Returns the audience of the operation's token, as a variant of the generated enum.
fn audience(operation: &Operation) -> Option<&'static str> {
    match operation.extension["audience"].as_str() {
        Some("request-url") => Some("RequestUrl"),
        _ => None,
    }
}

fn variant(operation: &Operation) -> String {
    let words = name(operation).split('_').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

fn query(operation: &Operation) -> impl Iterator<Item = &str> {
    operation
        .parameters
        .iter()
        .filter(|parameter| parameter.place == "query" && parameter.name != "api-version")
        .map(|parameter| parameter.name.as_str())
}

fn success(operation: &Operation) -> Vec<u16> {
    operation
        .responses
        .keys()
        .filter_map(|status| status.parse().ok())
        .filter(|status| (200..300).contains(status))
        .collect()
}

fn rust_type(shape: &Value, inside: &str) -> String {
    if let Some(name) = shape["ref"].as_str() {
        // A recursive schema needs a pointer.
        return if name == inside {
            "Box<Self>".to_owned()
        } else {
            name.to_owned()
        };
    }
    match shape["type"].as_str() {
        Some("array") => {
            let item = &shape["items"];
            match item["ref"].as_str() {
                Some(name) if name == inside => "Vec<Self>".to_owned(),
                Some(name) => format!("Vec<{name}>"),
                None => format!("Vec<{}>", rust_type(item, inside)),
            }
        }
        Some("integer") => "i32".to_owned(),
        Some("boolean") => "bool".to_owned(),
        _ => "String".to_owned(),
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    match out.as_str() {
        "innererror" => "inner_error".to_owned(),
        _ => out,
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1.min(word.len()));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}
