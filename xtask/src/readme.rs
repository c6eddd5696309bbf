//! The examples of the README, as files that a compiler can check.

/// One fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// Where it stands: the line of its first line of code.
    pub line: usize,
    pub extension: &'static str,
    pub code: String,
}

impl Example {
    /// What the example says that it prints: the comments behind its calls of `console.log`.
    pub fn promised_output(&self) -> impl Iterator<Item = &str> {
        let calls = self.code.lines().filter(|line| line.trim_start().starts_with("console.log("));
        calls.filter_map(|line| line.split_once("); // ").map(|(_, printed)| printed))
    }

    pub fn file_name(&self) -> String {
        format!("line-{}.{}", self.line, self.extension)
    }
}

/// The blocks in TypeScript and JavaScript, and the module scripts of those in HTML.
pub fn examples(readme: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = readme.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let fence = line.len() - line.trim_start().len();
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(fence..).unwrap_or_default())
            .collect();
        let language = info.split_whitespace().next().unwrap_or_default();
        let first = index + 2;
        match language {
            "ts" | "typescript" => {
                found.push(Example { line: first, extension: "ts", code: block.join("\n") })
            }
            "js" | "javascript" | "mjs" => {
                found.push(Example { line: first, extension: "js", code: block.join("\n") })
            }
            "html" => found.extend(module_scripts(&block).map(|(offset, code)| Example {
                line: first + offset,
                extension: "js",
                code,
            })),
            _ => {}
        }
    }
    found
}

fn module_scripts<'a>(block: &'a [&'a str]) -> impl Iterator<Item = (usize, String)> + 'a {
    let starts = block.iter().enumerate().filter(|(_, line)| line.contains("<script type=\"module\">"));
    starts.map(|(index, _)| {
        let code = block[index + 1..].iter().take_while(|line| !line.contains("</script>"));
        (index + 1, code.copied().collect::<Vec<_>>().join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    fn files_in(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some("node_modules") => {}
                _ if path.is_dir() => files.extend(files_in(&path)),
                _ => files.push(path),
            }
        }
        files
    }

    #[test]
    fn every_test_that_the_security_page_names_is_there() {
        let root = crate::root();
        let text = fs::read_to_string(root.join("docs/security.md")).unwrap();
        let files = [files_in(&root.join("tests")), files_in(&root.join("src"))].concat();
        let mut named = 0;
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let cell = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
            let mut sources = None;
            for word in cell.split('`').skip(1).step_by(2) {
                let is_file = [".rs", ".mjs"].iter().any(|ending| word.ends_with(ending));
                if is_file {
                    let own: Vec<_> = files.iter().filter(|path| path.ends_with(word)).collect();
                    assert!(!own.is_empty(), "there is no {word}");
                    sources = Some(own);
                    continue;
                }
                let sources = sources.as_ref().unwrap_or_else(|| panic!("no file before {word}"));
                let says = |path: &&PathBuf| fs::read_to_string(path).unwrap().contains(word);
                assert!(sources.iter().any(says), "no test is called {word}");
                named += 1;
            }
        }
        assert!(named > 40, "{named} tests are named");
    }

    #[test]
    fn the_comment_behind_a_log_is_what_it_prints() {
        let code = "console.log(a); // { a: 1 }\nlet b; // no log\nconsole.log(c);".into();
        let example = Example { line: 1, extension: "ts", code };
        assert_eq!(example.promised_output().collect::<Vec<_>>(), ["{ a: 1 }"]);
    }

    #[test]
    fn blocks_are_found_with_their_lines() {
        let readme = "# A\n\n```ts\nlet a: 1;\nlet b;\n```\n```sh\nls\n```\n1. list\n   ```js\n   c();\n   ```\n\
            ```html\n<p></p>\n<script type=\"module\">\nd();\n</script>\n```\n";
        let expected = [(4, "ts", "let a: 1;\nlet b;"), (12, "js", "c();"), (17, "js", "d();")];
        let found = examples(readme);
        assert_eq!(found.len(), expected.len());
        for (example, (line, extension, code)) in found.iter().zip(expected) {
            assert_eq!(example, &Example { line, extension, code: code.into() });
        }
    }
}
