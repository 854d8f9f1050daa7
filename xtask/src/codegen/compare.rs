//! Differences between two descriptions of one interface, one per line.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::description::{Description, Operation};

/// Returns the differences, sorted.
pub(super) fn differences(ours: &Description, theirs: &Description) -> Vec<String> {
    let mut lines = Vec::new();
    differ(&mut lines, "version", &ours.version, &theirs.version);
    let (own, other) = (by_route(ours), by_route(theirs));
    for route in own.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        match (own.get(route), other.get(route)) {
            (Some(own), Some(other)) => operation(&mut lines, route, own, other),
            (Some(_), None) => lines.push(format!("{route}: only ours has it")),
            (None, _) => lines.push(format!("{route}: only theirs has it")),
        }
    }
    let names: BTreeSet<_> = ours.schemas.keys().chain(theirs.schemas.keys()).collect();
    for name in names {
        schema(
            &mut lines,
            name,
            ours.schemas.get(name),
            theirs.schemas.get(name),
        );
    }
    lines
}

fn by_route(description: &Description) -> BTreeMap<String, &Operation> {
    description
        .operations
        .iter()
        .map(|operation| {
            (
                format!("{} {}", operation.method, operation.path),
                operation,
            )
        })
        .collect()
}

fn operation(lines: &mut Vec<String>, route: &str, ours: &Operation, theirs: &Operation) {
    differ(
        lines,
        &format!("{route}: operation id"),
        &ours.id,
        &theirs.id,
    );
    let parameters = |operation: &Operation| -> BTreeMap<String, (bool, Value)> {
        let named = operation.parameters.iter().map(|parameter| {
            let name = format!("{} parameter {}", parameter.place, parameter.name);
            (
                name,
                (parameter.required, without_extensions(&parameter.shape)),
            )
        });
        named.collect()
    };
    let (own, other) = (parameters(ours), parameters(theirs));
    for name in own.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        let place = format!("{route}: {name}");
        match (own.get(name), other.get(name)) {
            (Some(own), Some(other)) => {
                differ(lines, &format!("{place}: required"), &own.0, &other.0);
                shapes(lines, &place, &own.1, &other.1);
            }
            (Some(_), None) => lines.push(format!("{place}: only ours has it")),
            (None, _) => lines.push(format!("{place}: only theirs has it")),
        }
    }
    match (&ours.body, &theirs.body) {
        (None, None) => {}
        (Some(own), Some(other)) => {
            differ(
                lines,
                &format!("{route}: body required"),
                &own.required,
                &other.required,
            );
            differ(
                lines,
                &format!("{route}: body types"),
                &own.media_types,
                &other.media_types,
            );
            shapes(lines, &format!("{route}: body"), &own.shape, &other.shape);
        }
        (Some(_), None) => lines.push(format!("{route}: body: only ours has it")),
        (None, Some(_)) => lines.push(format!("{route}: body: only theirs has it")),
    }
    let statuses: BTreeSet<_> = ours
        .responses
        .keys()
        .chain(theirs.responses.keys())
        .collect();
    for status in statuses {
        let place = format!("{route}: response {status}");
        match (ours.responses.get(status), theirs.responses.get(status)) {
            (Some(own), Some(other)) => {
                differ(
                    lines,
                    &format!("{place}: types"),
                    &own.media_types,
                    &other.media_types,
                );
                differ(
                    lines,
                    &format!("{place}: headers"),
                    &own.headers,
                    &other.headers,
                );
                let none = Value::Null;
                shapes(
                    lines,
                    &place,
                    own.shape.as_ref().unwrap_or(&none),
                    other.shape.as_ref().unwrap_or(&none),
                );
            }
            (Some(_), None) => lines.push(format!("{place}: only ours has it")),
            (None, _) => lines.push(format!("{place}: only theirs has it")),
        }
    }
}

fn schema(lines: &mut Vec<String>, name: &str, ours: Option<&Value>, theirs: Option<&Value>) {
    let place = format!("schema {name}");
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (Some(_), None) => return lines.push(format!("{place}: only ours has it")),
        (None, _) => return lines.push(format!("{place}: only theirs has it")),
    };
    shapes(
        lines,
        &place,
        &without(ours, "properties"),
        &without(theirs, "properties"),
    );
    let properties = |schema: &Value| {
        schema["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    };
    let (own, other) = (properties(ours), properties(theirs));
    for property in own.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        let place = format!("{place}: property {property}");
        match (own.get(property), other.get(property)) {
            (Some(own), Some(other)) => shapes(lines, &place, own, other),
            (Some(_), None) => lines.push(format!("{place}: only ours has it")),
            (None, _) => lines.push(format!("{place}: only theirs has it")),
        }
    }
}

fn shapes(lines: &mut Vec<String>, place: &str, ours: &Value, theirs: &Value) {
    let (ours, theirs) = (without_extensions(ours), without_extensions(theirs));
    if ours != theirs {
        lines.push(format!("{place}: ours {ours}, theirs {theirs}"));
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(
    lines: &mut Vec<String>,
    place: &str,
    ours: &T,
    theirs: &T,
) {
    if ours != theirs {
        lines.push(format!("{place}: ours {ours:?}, theirs {theirs:?}"));
    }
}

/// Returns the shape without our own extensions.
fn without_extensions(shape: &Value) -> Value {
    let mut shape = shape.clone();
    if let Some(fields) = shape.as_object_mut() {
        fields.retain(|key, _| !key.starts_with("x-azwire-"));
    }
    shape
}

fn without(shape: &Value, key: &str) -> Value {
    let mut shape = shape.clone();
    if let Some(fields) = shape.as_object_mut() {
        fields.remove(key);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAPI: &str = r##"{
        "openapi": "3.1.0", "info": {"version": "1"},
        "paths": {"/a/{id}": {"post": {
            "operationId": "Do",
            "parameters": [
                {"in": "path", "name": "id", "required": true, "schema": {"type": "string", "minLength": 1}},
                {"$ref": "#/components/parameters/ttl"}
            ],
            "requestBody": {"required": true, "content": {"text/plain": {"schema": {"type": "string"}}}},
            "responses": {"202": {"description": "x"}, "default": {"description": "x",
                "headers": {"code": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/E"}}}}}
        }}},
        "components": {
            "parameters": {"ttl": {"in": "query", "name": "ttl", "schema": {"type": "integer", "maximum": 300}}},
            "schemas": {"E": {"type": "object", "description": "ours", "properties": {"code": {"type": "string", "x-azwire-secret": true}}}}
        }
    }"##;

    const SWAGGER: &str = r##"{
        "swagger": "2.0", "info": {"version": "1"},
        "paths": {"/a/{id}": {"post": {
            "operationId": "Do", "consumes": ["text/plain"], "produces": ["application/json"],
            "parameters": [
                {"in": "path", "name": "id", "required": true, "type": "string", "minLength": 1},
                {"in": "query", "name": "ttl", "type": "integer", "maximum": 300},
                {"in": "body", "name": "b", "required": true, "schema": {"type": "string"}}
            ],
            "responses": {"202": {"description": "y"}, "default": {"description": "y",
                "headers": {"code": {"type": "string"}}, "schema": {"$ref": "#/definitions/E"}}}
        }}},
        "definitions": {"E": {"type": "object", "properties": {"code": {"type": "string"}}}}
    }"##;

    fn compare(ours: &str, theirs: &str) -> Vec<String> {
        let parse = |text| Description::parse(text).unwrap();
        differences(&parse(ours), &parse(theirs))
    }

    #[test]
    fn the_same_interface_in_both_formats_has_no_differences() {
        assert_eq!(compare(OPENAPI, SWAGGER), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_difference_is_reported() {
        for (from, to, line) in [
            (
                r#""version": "1""#,
                r#""version": "2""#,
                r#"version: ours "1", theirs "2""#,
            ),
            ("/a/{id}", "/b/{id}", "POST /a/{id}: only ours has it"),
            (r#""post""#, r#""put""#, "PUT /a/{id}: only theirs has it"),
            (
                r#""name": "ttl""#,
                r#""name": "tll""#,
                "POST /a/{id}: query parameter ttl: only ours has it",
            ),
            (
                r#""maximum": 300"#,
                r#""maximum": 301"#,
                "query parameter ttl: ours {\"maximum\":300",
            ),
            (
                r#""minLength": 1"#,
                r#""minLength": 2"#,
                "path parameter id: ours",
            ),
            (r#""202""#, r#""200""#, "response 202: only ours has it"),
            (r#"["text/plain"]"#, r#"["text/html"]"#, "body types"),
            (
                r#""name": "b", "required": true"#,
                r#""name": "b", "required": false"#,
                "body required",
            ),
            (
                r#"{"code": {"type": "string"}}, "schema""#,
                r#"{}, "schema""#,
                "response default: headers",
            ),
            (
                r##""#/definitions/E""##,
                r##""#/definitions/F""##,
                "response default: ours",
            ),
            (
                r#"{"code": {"type": "string"}}}}"#,
                r#"{"code": {"type": "integer"}}}}"#,
                "schema E: property code",
            ),
            (
                r#""operationId": "Do""#,
                r#""operationId": "Did""#,
                "operation id",
            ),
        ] {
            let changed = SWAGGER.replacen(from, to, 1);
            assert_ne!(changed, SWAGGER, "{from}");
            let lines = compare(OPENAPI, &changed);
            assert!(
                lines.iter().any(|own| own.contains(line)),
                "{from}: {lines:?}"
            );
        }
    }
}
