// SPDX-License-Identifier: BSD-3-Clause
#include "device/device_library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "tektite/error.hpp"

namespace tektite {

namespace {

namespace fs = std::filesystem;

constexpr char file_name[] = "libtektite_cuda.so";

struct OpenLibrary {
    std::string path;
    const tektite_cuda_function_table* functions = nullptr;
};

[[noreturn]] void fail(const std::string& message) {
    throw Error(ErrorCode::unsupported, message);
}

/// The folder of the shared library or program that holds this function.
fs::path own_folder() {
    Dl_info info;
    if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr)
        return {};
    std::error_code ignored;
    const fs::path file = fs::weakly_canonical(info.dli_fname, ignored);
    return file.parent_path();
}

const tektite_cuda_function_table* open_library(const std::string& path) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* reason = dlerror();
        if (path == file_name)
            fail("this Tektite has no device library: " + path + " is not in " + own_folder().string() +
                 ", and the system's loader does not find it. It is built when Tektite is installed from "
                 "source "
                 "where nvcc of CUDA 12 or 13 is found (docs/install.md)");
        fail("the device library " + path + " cannot be opened: " + (reason != nullptr ? reason : "unknown"));
    }
    const auto functions =
        reinterpret_cast<tektite_cuda_functions_type>(dlsym(handle, "tektite_cuda_functions"));
    if (functions == nullptr) {
        dlclose(handle);
        fail(path + " is not a device library of Tektite: it lacks the function tektite_cuda_functions");
    }
    const tektite_cuda_function_table* table = functions(TEKTITE_CUDA_INTERFACE_VERSION);
    if (table == nullptr || std::string(table->version) != TEKTITE_VERSION) {
        const std::string theirs =
            table == nullptr ? "another version" : "version " + std::string(table->version);
        dlclose(handle);
        fail("the device library " + path + " belongs to " + theirs +
             " of Tektite, but this is version " TEKTITE_VERSION ": build and install both together");
    }
    return table;
}

/// The file to open; a bare name if only the system's loader may know.
std::string find() {
    const char* named = std::getenv("TEKTITE_CUDA_LIBRARY");
    if (named != nullptr && *named != '\0') {
        if (!fs::is_regular_file(named))
            fail(std::string("there is no device library ") + named +
                 " (the environment variable TEKTITE_CUDA_LIBRARY names it)");
        return named;
    }
    const fs::path folder = own_folder();
    for (const fs::path& candidate : {folder / file_name, folder / "lib" / file_name})
        if (fs::is_regular_file(candidate)) return candidate.string();
    return file_name;
}

const OpenLibrary& opened() {
    static std::mutex mutex;
    // By path, and never destroyed: handles outlive all static objects that may use them.
    static auto& libraries = *new std::map<std::string, OpenLibrary>;
    const std::scoped_lock lock(mutex);
    const std::string path = find();
    const auto known = libraries.find(path);
    if (known != libraries.end()) return known->second;
    return libraries.emplace(path, OpenLibrary{path, open_library(path)}).first->second;
}

}  // namespace

const tektite_cuda_function_table& device_library() {
    return *opened().functions;
}

std::string device_library_path() {
    return opened().path;
}

void require_success(const tektite_cuda_function_table& library, tektite_status status) {
    if (status != 0) throw Error(static_cast<ErrorCode>(status), library.last_error());
}

}  // namespace tektite
