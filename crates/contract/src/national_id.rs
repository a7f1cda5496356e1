//! Recognises national identifiers by form and checksum.
