//! Rows 51, 53 and 64 of `serve`: signals, descriptors and addresses.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::program::{model, program, run};
use crate::serve::{Served, serve, terminate};

/// A long answer that is being streamed.
fn streaming(served: &Served) -> TcpStream {
    let address = served.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = json!({"prompt": "Once", "stream": true, "ignore_eos": true, "max_tokens": 7000});
    send(&mut stream, &body.to_string());
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    stream
}

fn send(stream: &mut impl Write, body: &str) {
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
}

/// Row 51: who sends it twice does not want to wait.
#[test]
fn a_second_sigterm_ends_it_at_once() {
    let mut served = serve(&["--shutdown-timeout", "600"], None);
    let stream = streaming(&served);
    terminate(&served.child);
    let late = served.wait_for("once more to stop at once");
    assert!(late, "the first signal was not noticed");
    assert!(
        served.child.try_wait().unwrap().is_none(),
        "it did not drain"
    );
    terminate(&served.child);
    assert_eq!(served.child.wait().unwrap().code(), Some(128 + 15));
    drop(stream);
}

/// Row 51: a model that is being loaded, here from a server that says nothing, is not waited for.
#[test]
fn sigterm_while_the_model_loads_ends_it() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut child = program(["serve", "--port", "0", "--url", &url])
        .spawn()
        .unwrap();
    let asked = silent.accept().unwrap();
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(asked);
}

/// Row 53: with few descriptors there are few connections, and those that come later wait.
#[test]
fn connections_fit_into_the_descriptors() {
    model();
    let program = program(["serve", "--port", "0"]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 80 && exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .stderr(Stdio::piped());
    let served = Served::start(limited);
    assert!(served.said.contains("limited to 16"), "{}", served.said);
    let address = served.base.strip_prefix("http://").unwrap().to_owned();
    let idle: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    drop(idle);
    let (status, text) = served.post("/v1/completions", &json!({"prompt": "Hi", "max_tokens": 1}));
    assert_eq!(status, 200, "{text}");
}

/// Row 64: the port that is taken is named, and what to do.
#[test]
fn a_port_that_is_taken_is_named() {
    model();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = run(program(["serve", "--port", &port]));
    assert_eq!(refused.code, 2, "{refused:?}");
    let last = refused.stderr.lines().last().unwrap();
    let words = [&*format!("127.0.0.1:{port}"), "choose another"];
    assert!(words.iter().all(|word| last.contains(word)), "{last}");
}

/// Row 64: a socket in the file system, asked there, and gone with the server.
#[test]
fn a_socket_in_the_file_system_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let given = path.to_str().unwrap();
    model();
    let mut served = Served::start(program(["serve", "--unix-socket", given]));
    assert_eq!(served.base, format!("unix:{given}"));
    let mut stream = UnixStream::connect(&path).unwrap();
    send(&mut stream, r#"{"prompt": "Hi", "max_tokens": 2}"#);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    end(&mut served.child);
    assert!(!path.exists());
    let both = run(program(["serve", "--unix-socket", given, "--port", "1"]));
    assert_eq!(both.code, 2, "{both:?}");
}

fn end(child: &mut Child) {
    terminate(child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// No path of this machine is told to clients.
#[test]
fn the_model_has_the_name_of_its_file_or_those_that_are_given() {
    let path = model();
    let given = path.to_str().unwrap();
    let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let named = ["--served-model-name", "small", "org/small"];
    for (arguments, names) in [
        (vec!["--model", given], vec![stem.as_str()]),
        (
            [&["--model", given], &named[..]].concat(),
            vec!["small", "org/small"],
        ),
    ] {
        let served = serve(&arguments, None);
        let text = served.get("/v1/models");
        let models: Value = serde_json::from_str(&text).unwrap();
        let models = models["data"].as_array().unwrap().iter();
        let ids: Vec<_> = models.map(|m| m["id"].as_str().unwrap()).collect();
        assert_eq!(ids, names);
        assert!(
            !text.contains(path.parent().unwrap().to_str().unwrap()),
            "{text}"
        );
        for name in names {
            let body = json!({"model": name, "prompt": "Hi", "max_tokens": 1});
            assert_eq!(served.post("/v1/completions", &body).0, 200);
        }
    }
}
