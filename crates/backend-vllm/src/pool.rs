//! The servers, and which of them gets a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use url::Url;

/// One server.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Without `/v1` and without a slash at its end.
    base: String,
    busy: AtomicUsize,
    healthy: AtomicBool,
}

/// All servers of one model.
#[derive(Debug)]
pub(crate) struct Pool {
    upstreams: Vec<Arc<Upstream>>,
}

/// A server that works on a request, which counts there until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    upstream: Arc<Upstream>,
}

impl Pool {
    pub(crate) fn new(urls: &[Url]) -> Self {
        let upstreams = urls.iter().map(|url| {
            Arc::new(Upstream {
                base: base(url),
                busy: AtomicUsize::new(0),
                healthy: AtomicBool::new(true),
            })
        });
        Self {
            upstreams: upstreams.collect(),
        }
    }

    /// The least loaded of the healthy servers; where equals are, any of them. `not` is the one
    /// that has just failed: another is taken if there is one.
    pub(crate) fn lease(&self, not: Option<&str>) -> Option<Lease> {
        let rank = |upstream: &&Arc<Upstream>| {
            let failed = Some(upstream.base.as_str()) == not;
            let sick = !upstream.healthy.load(Ordering::Relaxed);
            let busy = upstream.busy.load(Ordering::Relaxed);
            (sick, failed, busy, fastrand::u32(..))
        };
        let upstream = self.upstreams.iter().min_by_key(rank)?.clone();
        upstream.busy.fetch_add(1, Ordering::Relaxed);
        Some(Lease { upstream })
    }

    pub(crate) fn bases(&self) -> impl Iterator<Item = &str> {
        self.upstreams.iter().map(|upstream| upstream.base.as_str())
    }

    /// Whether any server is healthy.
    pub(crate) fn is_healthy(&self) -> bool {
        self.upstreams
            .iter()
            .any(|u| u.healthy.load(Ordering::Relaxed))
    }

    /// Looks after the health of all servers, for ever.
    pub(crate) async fn watch(self: Arc<Self>, client: reqwest::Client, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            for upstream in &self.upstreams {
                upstream.look(&client, every).await;
            }
        }
    }
}

impl Upstream {
    /// A server that has no such address, but answers, is well.
    async fn look(&self, client: &reqwest::Client, limit: Duration) {
        let asked = client
            .get(format!("{}/health", self.base))
            .timeout(limit)
            .send();
        let healthy = asked
            .await
            .is_ok_and(|answer| !answer.status().is_server_error());
        if self.healthy.swap(healthy, Ordering::Relaxed) != healthy {
            tracing::info!(
                server = self.base,
                healthy,
                "the health of a server changed"
            );
        }
    }
}

impl Lease {
    pub(crate) fn base(&self) -> &str {
        &self.upstream.base
    }

    /// The server could not be reached: it is asked last, until it is well again.
    pub(crate) fn note_unreachable(&self) {
        self.upstream.healthy.store(false, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.upstream.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn base(url: &Url) -> String {
    let text = url.as_str().trim_end_matches('/');
    text.strip_suffix("/v1").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(urls: &[&str]) -> Pool {
        let urls: Vec<_> = urls.iter().map(|url| url.parse().unwrap()).collect();
        Pool::new(&urls)
    }

    #[test]
    fn addresses_may_end_in_v1() {
        let urls = [
            "http://a:1",
            "http://a:1/",
            "http://a:1/v1",
            "http://a:1/v1/",
        ];
        assert!(pool(&urls).bases().all(|base| base == "http://a:1"));
        assert_eq!(
            pool(&["https://a/x/v1"]).bases().next(),
            Some("https://a/x")
        );
    }

    #[test]
    fn the_least_loaded_healthy_server_is_taken() {
        let pool = pool(&["http://a", "http://b", "http://c"]);
        let leases: Vec<_> = (0..6).filter_map(|_| pool.lease(None)).collect();
        for base in ["http://a", "http://b", "http://c"] {
            assert_eq!(leases.iter().filter(|l| l.base() == base).count(), 2);
        }
        drop(leases);
        let first = pool.lease(None).unwrap();
        first.note_unreachable();
        let next = pool.lease(Some(first.base())).unwrap();
        assert_ne!(next.base(), first.base());
        next.note_unreachable();
        let last = pool.lease(Some(next.base())).unwrap();
        assert!(last.base() != first.base() && last.base() != next.base());
        last.note_unreachable();
        assert!(!pool.is_healthy());
        assert_ne!(pool.lease(Some(last.base())).unwrap().base(), last.base());
    }
}
