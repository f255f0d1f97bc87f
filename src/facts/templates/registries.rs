//! Places where packages are kept: images of containers (OCI distribution), Maven, Go modules. In: the paths of one host. Out: their
//! routes, with the name of what is kept as one parameter of any depth. Bounds: two passes over the paths, [`DEPTH`] segments of each.
//!
//! Names of packages are paths themselves (`team/api/worker`, `org/example/core`), so no comparison of neighbours tells where they
//! end. The protocols do: by a word behind the name, by a file that is called as the two folders that it lies in.

use super::{DEPTH, Folded};

/// What is kept on a host.
#[derive(Debug, Default)]
pub struct Kept {
    /// Whether images are.
    images: bool,
    /// Segments before the groups of Maven's packages, where there are any.
    maven: Option<Vec<String>>,
    /// The same before names of Go's modules.
    modules: Option<Vec<String>>,
}

impl Kept {
    /// Looks at all paths of a host.
    pub fn of(paths: &[&str]) -> Kept {
        let mut out = Kept::default();
        for p in paths {
            let segs = split(p);
            out.images |= image(&segs).is_some_and(|at| sure(&segs, at));
            if artifact(&segs) {
                // The group is a folder at least, and so is the package.
                let most = segs.len().saturating_sub(4);
                common(&mut out.maven, segs.get(..most).unwrap_or_default());
            }
            if let Some(at) = module(&segs) {
                common(&mut out.modules, segs.get(..at).unwrap_or_default());
            }
        }
        out
    }

    /// Route of a path where it is one of these.
    pub fn route(&self, path: &str) -> Option<Folded> {
        if !self.images && self.maven.is_none() && self.modules.is_none() {
            return None;
        }
        let segs = split(path);
        let folded = |before: &[&str], rest: &str, why: &str| {
            let mut route = String::new();
            for s in before {
                route.push('/');
                route.push_str(s);
            }
            route.push_str(rest);
            Some(Folded {
                route: route.into(),
                why: why.into(),
            })
        };
        if self.images
            && let Some(at) = image(&segs)
        {
            let word = segs.iter().rposition(|s| verbs(s))?;
            let rest = match segs.get(word..).unwrap_or_default() {
                ["tags", "list"] => "/{path}/tags/list".to_owned(),
                ["blobs", "uploads"] => "/{path}/blobs/uploads".to_owned(),
                [w, _] => format!("/{{path}}/{w}/{{id}}"),
                _ => return None,
            };
            return folded(
                segs.get(..=at).unwrap_or_default(),
                &rest,
                "{path}: name of an image",
            );
        }
        if let Some(at) = segs
            .iter()
            .rposition(|s| *s == "uploads")
            .filter(|_| self.images)
            && at >= 3
            && segs.get(at - 1) == Some(&"blobs")
            && at + 2 == segs.len()
            && let Some(from) = segs.iter().position(|s| *s == "v2")
        {
            return folded(
                segs.get(..=from).unwrap_or_default(),
                "/{path}/blobs/uploads/{id}",
                "{path}: name of an image",
            );
        }
        let below = |root: &Option<Vec<String>>| {
            root.as_ref()
                .is_some_and(|r| r.len() < segs.len() && r.iter().zip(&segs).all(|(a, b)| a == b))
        };
        if below(&self.maven) && (artifact(&segs) || metadata(&segs)) {
            let root = self.maven.as_ref().map_or(0, Vec::len);
            return folded(
                segs.get(..root).unwrap_or_default(),
                "/{path}",
                "{path}: a file of a package, as Maven keeps them",
            );
        }
        if below(&self.modules) && module(&segs).is_some() {
            let root = self.modules.as_ref().map_or(0, Vec::len);
            return folded(
                segs.get(..root).unwrap_or_default(),
                "/{path}/@v/{id}",
                "{path}: name of a module of Go",
            );
        }
        None
    }
}

fn split(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|s| !s.is_empty())
        .take(DEPTH)
        .collect()
}

fn common(root: &mut Option<Vec<String>>, segs: &[&str]) {
    match root {
        None => *root = Some(segs.iter().map(|s| (*s).to_owned()).collect()),
        Some(r) => {
            let same = r.iter().zip(segs).take_while(|(a, b)| a == b).count();
            r.truncate(same);
        }
    }
}

fn verbs(s: &str) -> bool {
    matches!(s, "manifests" | "blobs" | "tags" | "referrers")
}

/// Where `v2` stands of a path of images: `/v2/NAME/manifests/REF`.
fn image(segs: &[&str]) -> Option<usize> {
    let n = segs.len();
    let at = segs.iter().position(|s| *s == "v2")?;
    let verb = n.checked_sub(2)?;
    (verb >= at + 2 && segs.get(verb).is_some_and(|s| verbs(s))).then_some(at)
}

/// Whether such a path cannot be another's: it names content by its digest.
fn sure(segs: &[&str], at: usize) -> bool {
    let reference = segs.last().copied().unwrap_or_default();
    let digest = reference.split_once(':').is_some_and(|(kind, hex)| {
        kind.starts_with("sha") && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    at <= 6 && digest
}

/// `GROUP.../PACKAGE/VERSION/PACKAGE-VERSION.jar`.
fn artifact(segs: &[&str]) -> bool {
    let [.., group, package, version, file] = segs else {
        return false;
    };
    let number = version.bytes().any(|b| b.is_ascii_digit());
    let base = version.strip_suffix("-SNAPSHOT").unwrap_or(version);
    !group.is_empty()
        && number
        && version.contains('.')
        && file
            .strip_prefix(package)
            .and_then(|f| f.strip_prefix('-'))
            .is_some_and(|f| f.starts_with(base) && f.len() > base.len())
}

fn metadata(segs: &[&str]) -> bool {
    let file = segs.last().copied().unwrap_or_default();
    file.starts_with("maven-metadata.xml") && segs.len() >= 3
}

/// Where the name of a module begins: `github.com/a/b/@v/v1.2.0.zip`.
fn module(segs: &[&str]) -> Option<usize> {
    let n = segs.len();
    let at = segs.iter().position(|s| s.contains('.'))?;
    let verb = n.checked_sub(2)?;
    (verb > at && segs.get(verb) == Some(&"@v")).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Vec<String> {
        let kept = Kept::of(paths);
        paths
            .iter()
            .map(|p| {
                kept.route(p)
                    .map_or_else(String::new, |f| f.route.to_string())
            })
            .collect()
    }

    #[test]
    fn names_of_any_depth_are_one_parameter() {
        let digest = format!("/v2/edge/blobs/sha256:{}", "ab".repeat(32));
        assert_eq!(
            routes(&[
                "/v2/",
                &digest,
                "/v2/team/api/worker/manifests/latest",
                "/v2/team/api/tags/list",
                "/v2/team/api/blobs/uploads/",
                "/v2/team/api/blobs/uploads/7e9f",
                "/v2/_catalog",
            ]),
            [
                "",
                "/v2/{path}/blobs/{id}",
                "/v2/{path}/manifests/{id}",
                "/v2/{path}/tags/list",
                "/v2/{path}/blobs/uploads",
                "/v2/{path}/blobs/uploads/{id}",
                ""
            ]
        );
        // without anything that is named by its digest they are any API's
        assert_eq!(routes(&["/v2/posts/7/tags/list"]), [""]);
        assert_eq!(
            routes(&[
                "/repo/m/org/a/core/1.2.0/core-1.2.0.jar",
                "/repo/m/junit/junit/4.13/junit-4.13.pom.sha1",
                "/repo/m/org/a/core/maven-metadata.xml",
                "/repo/npm/core/1.2.0/x.jar",
            ]),
            ["/repo/m/{path}", "/repo/m/{path}", "/repo/m/{path}", ""]
        );
        assert_eq!(
            routes(&[
                "/go/github.com/a/b/@v/list",
                "/go/golang.org/x/@v/v0.1.0.zip"
            ]),
            ["/go/{path}/@v/{id}", "/go/{path}/@v/{id}"]
        );
    }
}
