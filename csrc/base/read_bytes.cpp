// SPDX-License-Identifier: BSD-3-Clause
#include "base/read_bytes.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tektite/error.hpp"

namespace tektite {

std::string read_bytes(const std::string& path) {
    const auto fail = [&](int reason) {
        throw Error(ErrorCode::file_not_found, "cannot read '" + path + "': " + std::strerror(reason));
    };
    errno = 0;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file) fail(errno);
    std::string bytes;
    char buffer[1 << 16];
    for (;;) {
        const std::size_t n = std::fread(buffer, 1, sizeof buffer, file.get());
        bytes.append(buffer, n);
        if (n < sizeof buffer) break;
    }
    if (std::ferror(file.get())) fail(errno);  // a folder, for one
    return bytes;
}

}  // namespace tektite
