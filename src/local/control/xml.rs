//! The little XML that the API needs: one request body read, and answers written.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

/// An element under construction: leaves and children in the order added, text escaped.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    content: String,
}

impl Element {
    pub fn new(name: &'static str) -> Self {
        Self { name, content: String::new() }
    }

    pub fn leaf(mut self, name: &str, text: &str) -> Self {
        self.content.push_str(&format!("<{name}>{}</{name}>", escape(text)));
        self
    }

    pub fn child(mut self, child: &Self) -> Self {
        self.content.push_str(&format!("<{0}>{1}</{0}>", child.name, child.content));
        self
    }

    /// A list as CloudFront writes it: how many, and the items unless there are none.
    pub fn list<T>(self, name: &'static str, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        self.child(&Self::new(name).items(items, write))
    }

    /// The inside of such a list.
    pub fn items<T>(self, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        let counted = self.leaf("Quantity", &items.len().to_string());
        if items.is_empty() {
            return counted;
        }
        counted.child(&items.iter().fold(Self::new("Items"), write))
    }

    pub fn document(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{0} xmlns=\"{NAMESPACE}\">{1}</{0}>",
            self.name, self.content
        )
    }
}

/// The body of CreateInvalidation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InvalidationBatch {
    pub caller_reference: String,
    /// In the order sent.
    pub items: Vec<String>,
    pub quantity: Option<usize>,
}

impl InvalidationBatch {
    /// None for what is no XML or has another root.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = Reader::from_str(text);
        let mut batch = Self::default();
        let mut names: Vec<String> = Vec::new();
        let mut content = String::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    names.push(start.local_name().as_ref().to_owned());
                    content.clear();
                }
                Event::Text(text) => content.push_str(&text),
                Event::GeneralRef(reference) => content.push_str(&resolve(&reference)?),
                Event::End(_) => {
                    batch.take(&names, std::mem::take(&mut content))?;
                    names.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        names.is_empty().then_some(batch)
    }

    fn take(&mut self, names: &[String], content: String) -> Option<()> {
        let path: Vec<_> = names.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["InvalidationBatch", "CallerReference"] => self.caller_reference = content,
            ["InvalidationBatch", "Paths", "Quantity"] => self.quantity = Some(content.trim().parse().ok()?),
            ["InvalidationBatch", "Paths", "Items", "Path"] => self.items.push(content),
            ["InvalidationBatch", ..] => {}
            _ => return None,
        }
        Some(())
    }
}

/// `&amp;` and its kin, and characters by number; the parser hands them out apart from the text.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }

    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_with_its_entities() {
        let body = br#"<?xml version="1.0"?><InvalidationBatch xmlns="x"><Paths><Quantity>2</Quantity><Items>
            <Path>/a&amp;b&#x27;</Path><Path>/*</Path></Items></Paths><CallerReference>r-1</CallerReference></InvalidationBatch>"#;
        let batch = InvalidationBatch::parse(body).expect("a batch");
        assert_eq!(batch.items, ["/a&b'", "/*"]);
        assert_eq!((batch.quantity, batch.caller_reference.as_str()), (Some(2), "r-1"));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for body in ["", "nonsense", "<Other><Paths/><A>1</A></Other>", "<InvalidationBatch><Paths>"] {
            let parsed = InvalidationBatch::parse(body.as_bytes());
            assert!(parsed.is_none_or(|batch| batch == InvalidationBatch::default()), "{body}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let element =
            Element::new("A").leaf("B", "<&>").list("C", &["x"], |items, item| items.leaf("D", item));
        let expected = "<B>&lt;&amp;&gt;</B><C><Quantity>1</Quantity><Items><D>x</D></Items></C>";
        assert!(element.document().contains(expected), "{}", element.document());
    }
}
