//! One audit shown as text, JSON, SARIF and Markdown.
