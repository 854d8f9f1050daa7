//! A common model of OpenAPI 3 and Swagger 2.0, so that they can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Map, Value, json};

use crate::process::Failure;

/// A REST interface.
#[derive(Debug, Default)]
pub(super) struct Description {
    pub(super) version: String,
    /// In file order.
    pub(super) operations: Vec<Operation>,
    pub(super) schemas: BTreeMap<String, Value>,
}

/// One operation.
#[derive(Debug, Default)]
pub(super) struct Operation {
    /// In upper case.
    pub(super) method: String,
    /// The path, with `{name}` for each path parameter.
    pub(super) path: String,
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    /// By status, or `default`.
    pub(super) responses: BTreeMap<String, Response>,
    /// The extension of our own description.
    pub(super) extension: Value,
}

#[derive(Debug, PartialEq)]
pub(super) struct Parameter {
    /// `path` or `query`.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) shape: Value,
}

#[derive(Debug, PartialEq)]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) media_types: BTreeSet<String>,
    pub(super) shape: Value,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Response {
    pub(super) media_types: BTreeSet<String>,
    pub(super) shape: Option<Value>,
    pub(super) headers: BTreeSet<String>,
}

impl Description {
    pub(super) fn read(file: &str) -> Result<Self, Failure> {
        let text =
            fs::read_to_string(file).map_err(|error| Failure::new(format!("{file}: {error}")))?;
        Self::parse(&text).map_err(|failure| failure.because(file))
    }

    /// Parses either format, which the document's first key identifies.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| Failure::new(error.to_string()))?;
        let swagger = document["swagger"].as_str() == Some("2.0");
        if !swagger
            && !document["openapi"]
                .as_str()
                .is_some_and(|v| v.starts_with("3."))
        {
            return Err(Failure::new("neither Swagger 2.0 nor OpenAPI 3"));
        }
        let reader = Reader {
            document: &document,
            swagger,
        };
        let mut operations = Vec::new();
        for (path, item) in object(&document["paths"]) {
            for (method, operation) in object(item) {
                if METHODS.contains(&method.as_str()) {
                    operations.push(reader.operation(path, method, operation)?);
                }
            }
        }
        let schemas = if swagger {
            &document["definitions"]
        } else {
            &document["components"]["schemas"]
        };
        Ok(Self {
            version: text_of(&document["info"]["version"]),
            operations,
            schemas: object(schemas)
                .map(|(name, schema)| (name.clone(), shape(schema)))
                .collect(),
        })
    }
}

struct Reader<'a> {
    document: &'a Value,
    swagger: bool,
}

impl<'a> Reader<'a> {
    fn operation(
        &self,
        path: &str,
        method: &str,
        operation: &'a Value,
    ) -> Result<Operation, Failure> {
        let mut result = Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            id: text_of(&operation["operationId"]),
            summary: text_of(&operation["summary"]),
            extension: operation["x-azwire"].clone(),
            ..Operation::default()
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = self.resolve(parameter)?;
            let place = text_of(&parameter["in"]);
            let required = parameter["required"].as_bool().unwrap_or(false);
            if place == "body" {
                result.body = Some(Body {
                    required,
                    media_types: strings(&operation["consumes"]),
                    shape: shape(&parameter["schema"]),
                });
                continue;
            }
            let schema = if self.swagger {
                parameter
            } else {
                &parameter["schema"]
            };
            result.parameters.push(Parameter {
                place,
                name: text_of(&parameter["name"]),
                required,
                shape: shape(schema),
            });
        }
        if let Some(body) = operation.get("requestBody") {
            let body = self.resolve(body)?;
            let content = &body["content"];
            result.body = Some(Body {
                required: body["required"].as_bool().unwrap_or(false),
                media_types: object(content).map(|(name, _)| name.clone()).collect(),
                shape: object(content)
                    .next()
                    .map(|(_, media)| shape(&media["schema"]))
                    .unwrap_or_default(),
            });
        }
        for (status, response) in object(&operation["responses"]) {
            let response = self.resolve(response)?;
            let parsed = if self.swagger {
                let has_schema = response.get("schema").is_some();
                Response {
                    media_types: if has_schema {
                        strings(&operation["produces"])
                    } else {
                        BTreeSet::new()
                    },
                    shape: response.get("schema").map(shape),
                    headers: object(&response["headers"])
                        .map(|(name, _)| name.clone())
                        .collect(),
                }
            } else {
                let content = &response["content"];
                Response {
                    media_types: object(content).map(|(name, _)| name.clone()).collect(),
                    shape: object(content)
                        .next()
                        .map(|(_, media)| shape(&media["schema"])),
                    headers: object(&response["headers"])
                        .map(|(name, _)| name.clone())
                        .collect(),
                }
            };
            result.responses.insert(status.clone(), parsed);
        }
        Ok(result)
    }

    fn resolve(&self, value: &'a Value) -> Result<&'a Value, Failure> {
        let Some(reference) = value["$ref"].as_str() else {
            return Ok(value);
        };
        reference
            .strip_prefix('#')
            .and_then(|pointer| self.document.pointer(pointer))
            .ok_or_else(|| Failure::new(format!("{reference} does not exist")))
    }
}

/// Returns a schema without its prose: two schemas with the same shape allow
/// the same values.
fn shape(schema: &Value) -> Value {
    let mut result = Map::new();
    for key in [
        "type",
        "format",
        "enum",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "default",
        "required",
        "additionalProperties",
    ] {
        if let Some(value) = schema
            .get(key)
            .filter(|_| key != "required" || schema[key].is_array())
        {
            result.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        result.insert("ref".to_owned(), json!(name));
    }
    if let Some(items) = schema.get("items") {
        result.insert("items".to_owned(), shape(items));
    }
    for flag in ["x-azwire-alias", "x-azwire-secret"] {
        if let Some(value) = schema.get(flag) {
            result.insert(flag.to_owned(), value.clone());
        }
    }
    if let Some(properties) = schema.get("properties") {
        let properties: Map<_, _> = object(properties)
            .map(|(name, property)| (name.clone(), shape(property)))
            .collect();
        result.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(result)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(text_of)
        .collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];
