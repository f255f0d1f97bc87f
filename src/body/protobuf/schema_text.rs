//! The `.proto` language (proto2, proto3, editions) as far as it says names and numbers. In: text. Out: declarations in a
//! [`Builder`]. Bounds: one pass; messages nest [`DEPTH`] deep; options and what else is not needed are passed over.

use super::{Builder, Declared, Named, Type, join};
use std::collections::BTreeMap;

const DEPTH: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A name, also with dots.
    Name(&'a str),
    Number(i64),
    String(&'a str),
    Mark(char),
}

struct Reader<'a> {
    s: &'a str,
    at: usize,
    line: usize,
}

type Out<T> = Result<T, String>;

/// Reads a file into `b`; gives its imports.
pub(super) fn read(b: &mut Builder, source: &str) -> Out<Vec<String>> {
    let mut r = Reader {
        s: source.strip_prefix('\u{feff}').unwrap_or(source),
        at: 0,
        line: 1,
    };
    let mut package = String::new();
    let mut imports = Vec::new();
    while let Some(t) = r.next()? {
        match t {
            Token::Mark(';') => {}
            Token::Name("package") => {
                package = r.name("a package")?.to_owned();
                r.want(';')?;
            }
            Token::Name("import") => {
                let mut t = r.some("a file")?;
                if let Token::Name("public" | "weak" | "option") = t {
                    t = r.some("a file")?;
                }
                let Token::String(f) = t else {
                    return r.fail("import wants a file in quotes");
                };
                imports.push(f.to_owned());
                r.want(';')?;
            }
            Token::Name("message") => r.message(b, &package, 0)?,
            Token::Name("enum") => r.enumeration(b, &package)?,
            Token::Name("service") => r.service(b, &package)?,
            Token::Name("extend") => r.extend(b, &package)?,
            Token::Name("syntax" | "edition" | "option" | "export" | "local") => r.statement()?,
            _ => return r.fail("expected a declaration"),
        }
    }
    Ok(imports)
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, why: &str) -> Out<T> {
        Err(format!("line {}: {why}", self.line))
    }

    fn next(&mut self) -> Out<Option<Token<'a>>> {
        let b = self.s.as_bytes();
        loop {
            let Some(c) = b.get(self.at) else {
                return Ok(None);
            };
            let rest = self.s.get(self.at..).unwrap_or("");
            match c {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                c if c.is_ascii_whitespace() => self.at += 1,
                b'/' if rest.starts_with("//") => {
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                b'/' if rest.starts_with("/*") => {
                    let Some(end) = rest.find("*/") else {
                        return self.fail("a comment that does not end");
                    };
                    self.line += rest.get(..end).unwrap_or("").matches('\n').count();
                    self.at += end + 2;
                }
                b'"' | b'\'' => {
                    let from = self.at + 1;
                    let mut i = from;
                    while let Some(x) = b.get(i) {
                        match x {
                            b'\\' => i += 2,
                            b'\n' => return self.fail("a string that does not end"),
                            x if x == c => break,
                            _ => i += 1,
                        }
                    }
                    let Some(text) = self.s.get(from..i).filter(|_| i < b.len()) else {
                        return self.fail("a string that does not end");
                    };
                    self.at = i + 1;
                    return Ok(Some(Token::String(text)));
                }
                b'.' | b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    let n = rest
                        .bytes()
                        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.'))
                        .count();
                    self.at += n;
                    return Ok(rest.get(..n).map(Token::Name));
                }
                b'0'..=b'9' | b'-' => {
                    let n = rest
                        .bytes()
                        .enumerate()
                        .take_while(|(i, c)| {
                            c.is_ascii_alphanumeric() || matches!(c, b'.') || *i == 0
                        })
                        .count();
                    self.at += n;
                    let text = rest.get(..n).unwrap_or("");
                    return Ok(Some(Token::Number(number(text).unwrap_or(0))));
                }
                _ => {
                    let c = rest.chars().next().unwrap_or(' ');
                    self.at += c.len_utf8();
                    return Ok(Some(Token::Mark(c)));
                }
            }
        }
    }

    fn some(&mut self, what: &str) -> Out<Token<'a>> {
        match self.next()? {
            Some(t) => Ok(t),
            None => self.fail(&format!("the text ends where {what} was expected")),
        }
    }
    fn name(&mut self, what: &str) -> Out<&'a str> {
        match self.some(what)? {
            Token::Name(n) => Ok(n),
            _ => self.fail(&format!("expected {what}")),
        }
    }
    fn want(&mut self, mark: char) -> Out<()> {
        if self.some("a mark")? == Token::Mark(mark) {
            Ok(())
        } else {
            self.fail(&format!("expected {mark}"))
        }
    }
    fn peek(&self) -> Out<Option<Token<'a>>> {
        Reader {
            s: self.s,
            at: self.at,
            line: self.line,
        }
        .next()
    }

    /// Passes over the rest of a statement: to its `;`, or to the end of its braces.
    fn statement(&mut self) -> Out<()> {
        let mut depth = 0usize;
        loop {
            match self.some("the end of a statement")? {
                Token::Mark(';') if depth == 0 => return Ok(()),
                Token::Mark('{' | '[' | '(') => depth += 1,
                Token::Mark(c @ ('}' | ']' | ')')) => {
                    if depth == 0 {
                        return self.fail("a statement ends in the middle");
                    }
                    depth -= 1;
                    if depth == 0 && c == '}' {
                        if self.peek()? == Some(Token::Mark(';')) {
                            self.next()?;
                        }
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    fn message(&mut self, b: &mut Builder, scope: &str, depth: usize) -> Out<()> {
        let name = join(scope, self.name("a name")?);
        self.want('{')?;
        self.body(b, name, depth)
    }

    /// Fields and declarations up to the closing brace.
    fn body(&mut self, b: &mut Builder, name: String, depth: usize) -> Out<()> {
        if depth >= DEPTH {
            return self.fail("messages nested too deep");
        }
        let mut all = BTreeMap::new();
        let mut oneof = false;
        loop {
            match self.some("a field")? {
                Token::Mark('}') if oneof => oneof = false,
                Token::Mark('}') => break,
                Token::Mark(';') => {}
                Token::Name(
                    w @ ("message" | "enum" | "extend" | "oneof" | "option" | "reserved"
                    | "extensions"),
                ) if !self.is_type()? => match w {
                    "message" => self.message(b, &name, depth + 1)?,
                    "enum" => self.enumeration(b, &name)?,
                    "extend" => self.extend(b, &name)?,
                    "oneof" => {
                        self.name("a name")?;
                        self.want('{')?;
                        oneof = true;
                    }
                    _ => self.statement()?,
                },
                Token::Name(w) => {
                    let (n, f) = self.field(b, w, &name, depth)?;
                    all.insert(n, f);
                }
                _ => return self.fail("expected a field"),
            }
        }
        b.messages.insert(name, all);
        Ok(())
    }

    /// Whether the word just read is a type called like a keyword: a name, `=` and a number follow.
    fn is_type(&self) -> Out<bool> {
        let mut r = Reader {
            s: self.s,
            at: self.at,
            line: self.line,
        };
        Ok(matches!(r.next()?, Some(Token::Name(_)))
            && r.next()? == Some(Token::Mark('='))
            && matches!(r.next()?, Some(Token::Number(_))))
    }

    /// A field whose first word is read already.
    fn field(
        &mut self,
        b: &mut Builder,
        first: &'a str,
        scope: &str,
        depth: usize,
    ) -> Out<(u32, Declared)> {
        let mut word = first;
        let mut repeated = false;
        if matches!(word, "optional" | "required" | "repeated") && !self.is_type()? {
            repeated = word == "repeated";
            word = self.name("a type")?;
        }
        let ty = if word == "map" && self.peek()? == Some(Token::Mark('<')) {
            self.next()?;
            let key = named(self.name("a type")?, scope);
            self.want(',')?;
            let value = named(self.name("a type")?, scope);
            self.want('>')?;
            let field = self.name("a name")?;
            let entry = join(scope, &format!("{}Entry", camel(field)));
            let fields = [
                (1, ("key".to_owned(), key, false)),
                (2, ("value".to_owned(), value, false)),
            ];
            b.messages.insert(entry.clone(), fields.into());
            let n = self.number()?;
            return Ok((
                n,
                (
                    field.to_owned(),
                    Named::Name(format!(".{entry}"), String::new()),
                    true,
                ),
            ));
        } else {
            word
        };
        let field = self.name("the name of a field")?;
        if ty == "group" {
            // a group declares its type and its field at once
            self.want('=')?;
            let n = self.digits()?;
            let mut t = self.some("a group")?;
            if t == Token::Mark('[') {
                while !matches!(t, Token::Mark(']')) {
                    t = self.some("the end of options")?;
                }
                t = self.some("a group")?;
            }
            if t != Token::Mark('{') {
                return self.fail("expected {");
            }
            let full = join(scope, field);
            self.body(b, full.clone(), depth + 1)?;
            let ty = Named::Name(format!(".{full}"), String::new());
            return Ok((n, (field.to_lowercase(), ty, repeated)));
        }
        let n = self.number()?;
        Ok((n, (field.to_owned(), named(ty, scope), repeated)))
    }

    /// `= 5 [options];`
    fn number(&mut self) -> Out<u32> {
        self.want('=')?;
        let n = self.digits()?;
        match self.some(";")? {
            Token::Mark(';') => Ok(n),
            Token::Mark('[') => {
                let mut depth = 1usize;
                while depth > 0 {
                    match self.some("the end of options")? {
                        Token::Mark('[' | '{') => depth += 1,
                        Token::Mark(']' | '}') => depth -= 1,
                        _ => {}
                    }
                }
                self.want(';')?;
                Ok(n)
            }
            _ => self.fail("expected ;"),
        }
    }
    fn digits(&mut self) -> Out<u32> {
        match self.some("a number")? {
            Token::Number(n) => match u32::try_from(n) {
                Ok(n) if n > 0 => Ok(n),
                _ => self.fail("a field's number is from 1 on"),
            },
            _ => self.fail("expected a field's number"),
        }
    }

    fn enumeration(&mut self, b: &mut Builder, scope: &str) -> Out<()> {
        let name = join(scope, self.name("a name")?);
        self.want('{')?;
        let mut values = BTreeMap::new();
        loop {
            match self.some("a value")? {
                Token::Mark('}') => break,
                Token::Mark(';') => {}
                Token::Name("option" | "reserved") if self.peek()? != Some(Token::Mark('=')) => {
                    self.statement()?;
                }
                Token::Name(v) => {
                    self.want('=')?;
                    let Token::Number(n) = self.some("a number")? else {
                        return self.fail("expected a value's number");
                    };
                    values.entry(n).or_insert_with(|| v.to_owned());
                    self.statement()?;
                }
                _ => return self.fail("expected a value"),
            }
        }
        b.enums.insert(name, values);
        Ok(())
    }

    fn service(&mut self, b: &mut Builder, scope: &str) -> Out<()> {
        let service = join(scope, self.name("a name")?);
        self.want('{')?;
        loop {
            match self.some("a method")? {
                Token::Mark('}') => return Ok(()),
                Token::Mark(';') => {}
                Token::Name("rpc") => {
                    let method = self.name("a name")?;
                    let asked = self.side(scope)?;
                    if self.name("returns")? != "returns" {
                        return self.fail("expected returns");
                    }
                    let answered = self.side(scope)?;
                    b.methods
                        .insert(format!("{service}/{method}"), (asked, answered));
                    self.statement()?;
                }
                Token::Name(_) => self.statement()?,
                _ => return self.fail("expected a method"),
            }
        }
    }

    /// `(stream Type)`
    fn side(&mut self, scope: &str) -> Out<Named> {
        self.want('(')?;
        let mut ty = self.name("a type")?;
        if ty == "stream" && self.peek()? != Some(Token::Mark(')')) {
            ty = self.name("a type")?;
        }
        self.want(')')?;
        Ok(Named::Name(ty.to_owned(), scope.to_owned()))
    }

    fn extend(&mut self, b: &mut Builder, scope: &str) -> Out<()> {
        let of = Named::Name(self.name("a type")?.to_owned(), scope.to_owned());
        self.want('{')?;
        loop {
            match self.some("a field")? {
                Token::Mark('}') => return Ok(()),
                Token::Mark(';') => {}
                Token::Name(w) => {
                    let (n, (name, ty, repeated)) = self.field(b, w, scope, 0)?;
                    b.extensions.push((of.clone(), n, name, ty, repeated));
                }
                _ => return self.fail("expected a field"),
            }
        }
    }
}

/// A number in any base of the language.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(d) => (-1, d.trim_start()),
        None => (1, text),
    };
    let n = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            i64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(sign * n)
}

/// `by_kind` as `ByKind`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|p| {
            let mut c = p.chars();
            c.next().map_or(String::new(), |f| {
                f.to_ascii_uppercase().to_string() + c.as_str()
            })
        })
        .collect()
}

fn named(word: &str, scope: &str) -> Named {
    Named::Is(match word {
        "double" => Type::Double,
        "float" => Type::Float,
        "int32" | "int64" => Type::Int,
        "uint32" | "uint64" => Type::Uint,
        "sint32" | "sint64" => Type::Sint,
        "fixed32" => Type::Fixed32,
        "fixed64" => Type::Fixed64,
        "sfixed32" => Type::Sfixed32,
        "sfixed64" => Type::Sfixed64,
        "bool" => Type::Bool,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        other => return Named::Name(other.to_owned(), scope.to_owned()),
    })
}
