use std::fs;

use super::*;

/// As `torch/version.py` has it.
fn python(torch: &str, cuda: &str) -> String {
    format!("from typing import Optional\n__version__ = '{torch}'\ncuda: Optional[str] = {cuda}\n")
}

/// A folder like PyTorch's, without a library.
fn installed(name: &str, version: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("version.py"), version).unwrap();
    folder
}

#[test]
fn the_library_in_use_says_its_release() {
    let release = Release::linked(&shim::config()).to_string();
    assert!(release.starts_with("2.11.0"), "{release}");
}

#[test]
fn a_library_of_another_release_is_told_in_one_sentence() {
    let wanted = Release::linked("BLAS=mkl, CUDA_VERSION=13.0, TORCH_VERSION=2.11.0, USE_CUDA=ON");
    for (torch, cuda, message) in [
        ("2.11.0+cu130", "'13.0'", None),
        (
            "2.13.0+cu130",
            "'13.0'",
            Some("is of 2.13.0 for CUDA 13.0, but it has to be of 2.11.0 for CUDA 13.0"),
        ),
        (
            "2.11.0+cu128",
            "'12.8'",
            Some("is of 2.11.0 for CUDA 12.8, but it has to be of 2.11.0 for CUDA 13.0"),
        ),
    ] {
        let folder = installed("stream-engine-release", &python(torch, cuda));
        let library = folder.join("lib").join(LIBRARY);
        let found = fits(&library, &wanted).map_err(|error| error.to_string());
        let message = message.map(|message| format!("{} {message}", library.display()));
        assert_eq!(found.err(), message);
        fs::remove_dir_all(folder).unwrap();
    }
    let unknown = Path::new("/nowhere/torch/lib/libtorch_cuda.so");
    fits(unknown, &wanted).unwrap();
}

#[test]
fn a_missing_library_and_a_file_that_is_none_are_told() {
    let linked = Release::linked(&shim::config()).to_string();
    let version = linked.split(' ').next().unwrap_or_default();
    let folder = installed("stream-engine-none", &python(version, "None"));
    let error = load(Some(&folder.join("lib"))).unwrap_err().to_string();
    assert!(error.contains(LIBRARY), "{error}");
    fs::write(folder.join("lib").join(LIBRARY), "not a library").unwrap();
    let error = load(Some(&folder.join("lib"))).unwrap_err().to_string();
    let begins = "libtorch's part for CUDA cannot be loaded: ";
    assert!(error.starts_with(begins), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_gpu_that_is_not_there_is_the_drivers_word() {
    let error = check(usize::MAX).unwrap_err();
    assert!(matches!(error, NoDevice::Driver(_)), "{error}");
}

/// With the variable set, to the library of the release that is linked, it is loaded; without, the
/// variable is what the error names.
#[test]
fn the_users_own_library_is_loaded() {
    // Other work before does no harm, but for a question about CUDA.
    let ones = tch::Tensor::f_ones([4, 4], (tch::Kind::Float, tch::Device::Cpu)).unwrap();
    assert_eq!(ones.f_matmul(&ones).unwrap().double_value(&[0, 0]), 4.0);
    assert!(shim::version().starts_with("2.11.0"));
    let found = load(None);
    if env::var_os(VARIABLE).is_none_or(|value| value.is_empty()) {
        let error = found.unwrap_err().to_string();
        assert!(error.contains(VARIABLE), "{error}");
        return;
    }
    found.unwrap();
    load(None).unwrap();
    let counted = nvidia_driver::gpus().map_or(0, |gpus| gpus.len());
    assert_eq!(tch::Cuda::device_count(), counted as i64);
    assert!(tch::utils::version_cudart() > 0);
}
