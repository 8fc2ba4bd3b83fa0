//! A graph as the bytes of an ONNX model.

use super::proto::Message;
use super::{Attribute, Element, Graph, Initializer, MICROSOFT, Node, OURS, Port};

/// Version of the file format; the oldest that has all we need.
const IR_VERSION: i64 = 8;
/// Version of ONNX's own operators.
const OPSET: i64 = 17;
/// `AttributeProto.AttributeType`.
const INT: i64 = 2;
/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i64 = 1;

impl Element {
    /// `TensorProto.DataType`.
    fn number(self) -> i64 {
        match self {
            Self::F32 => 1,
            Self::U8 => 2,
            Self::I64 => 7,
        }
    }
}

impl Graph<'_> {
    /// The model without its constants' numbers: these are marked as external, and handed over in
    /// memory.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let graph = Message::default()
            .messages(1, self.nodes.iter().enumerate().map(node))
            .text(2, "decoder")
            .messages(5, self.initializers.iter().map(initializer))
            .messages(11, self.inputs.iter().map(port))
            .messages(12, self.outputs.iter().map(port));
        let domains = [("", OPSET), (MICROSOFT, 1), (OURS, 1)];
        let domains =
            domains.map(|(domain, version)| Message::default().text(1, domain).integer(2, version));
        Message::default()
            .integer(1, IR_VERSION)
            .text(2, "stream-engine")
            .message(7, graph)
            .messages(8, domains)
            .into_bytes()
    }
}

fn node((number, node): (usize, &Node)) -> Message {
    let names = |message, field, names: &[String]| {
        names
            .iter()
            .fold(message, |message: Message, name| message.text(field, name))
    };
    let message = names(Message::default(), 1, &node.inputs);
    names(message, 2, &node.outputs)
        .text(3, &format!("{number} {}", node.operator))
        .text(4, node.operator)
        .messages(5, node.attributes.iter().map(attribute))
        .text(7, node.domain)
}

fn attribute((name, value): &Attribute) -> Message {
    Message::default()
        .text(1, name)
        .integer(3, *value)
        .integer(20, INT)
}

fn initializer(initializer: &Initializer<'_>) -> Message {
    let dimensions = initializer.dimensions().iter();
    // ONNX wants a place; the memory that is handed over takes precedence.
    let location = Message::default().text(1, "location").text(2, "memory");
    dimensions
        .fold(Message::default(), |message, &size| {
            message.integer(1, size as i64)
        })
        .integer(2, initializer.element().number())
        .text(8, initializer.name())
        .message(13, location)
        .integer(14, EXTERNAL)
}

fn port(port: &Port) -> Message {
    let open = Message::default().text(2, port.open);
    let fixed = port
        .fixed
        .iter()
        .map(|&size| Message::default().integer(1, size as i64));
    let shape = Message::default().message(1, open).messages(1, fixed);
    let tensor = Message::default()
        .integer(1, port.element.number())
        .message(2, shape);
    let kind = Message::default().message(1, tensor);
    Message::default().text(1, port.name).message(2, kind)
}
