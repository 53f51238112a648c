// SPDX-License-Identifier: BSD-3-Clause
#include "tektite/model_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>

#include "base/crc32.hpp"
#include "base/model_file_json.hpp"
#include "base/read_bytes.hpp"

namespace tektite {

using nlohmann::json;

namespace {

constexpr std::uint64_t largest_header = std::uint64_t{64} << 20;
constexpr std::size_t largest_n_dimensions = 8;
constexpr std::size_t longest_name = 256;

/// Text of the file itself, made safe for a message.
std::string quoted(const std::string& text) {
    std::string safe = text.substr(0, 80);
    for (char& c : safe) {
        if (static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    return "'" + safe + "'";
}

struct DataType {
    const char* name;
    Array::Type type;
    std::size_t size;
};
constexpr DataType data_types[] = {{"F64", Array::Type::float64, 8},
                                   {"F32", Array::Type::float32, 4},
                                   {"I64", Array::Type::int64, 8},
                                   {"I32", Array::Type::int32, 4}};

struct Entry {
    std::string name;
    const DataType* type = nullptr;
    std::vector<std::int64_t> shape;
    std::uint64_t count = 1, begin = 0, end = 0;
};

class ContainerReader {
public:
    ContainerReader(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    ModelFile read() {
        const json header = read_header();
        check_sum(header);
        ModelFile file;
        file.path = path_;
        file.metadata = read_metadata(header);
        // First the version: what follows may well look damaged in a file of a later format.
        check_metadata(parse_json(file.metadata, path_, "metadata"), path_);
        for (const Entry& entry : read_entries(header)) file.arrays.emplace(entry.name, read_array(entry));
        return file;
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::file_damaged, path_ + ": " + what);
    }

    json read_header() {
        if (bytes_.size() < 8) fail("the file is only " + std::to_string(bytes_.size()) + " bytes long");
        std::uint64_t length = 0;
        for (std::size_t i = 0; i < 8; ++i) length |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
        if (length > largest_header)
            fail("not a .mlip file, or its first bytes are damaged (header too long)");
        if (length > bytes_.size() - 8) {
            fail("the file is cut off inside its header (" + std::to_string(bytes_.size()) +
                 " bytes, header ends at " + std::to_string(length + 8) + "); copy it again");
        }
        text_ = std::string_view(reinterpret_cast<const char*>(bytes_.data()) + 8,
                                 static_cast<std::size_t>(length));
        data_ = bytes_.subspan(8 + static_cast<std::size_t>(length));
        json header = parse_json(std::string(text_), path_, "header");
        if (!header.is_object()) fail("the header is not a JSON object");
        return header;
    }

    /// The file's own CRC-32, if it has one, is that of the whole file with its eight digits replaced by
    /// zeros.
    void check_sum(const json& header) const {
        const auto metadata = header.find("__metadata__");
        if (metadata == header.end() || !metadata->is_object() || !metadata->contains("crc32")) return;
        const json& value = (*metadata)["crc32"];
        const std::string digits = value.is_string() ? value.get<std::string>() : "";
        // Quotes inside strings are escaped, so that this finds a key only.
        const std::size_t key = text_.find("\"crc32\"");
        const std::size_t place =
            key == text_.npos || digits.empty() ? text_.npos : text_.find(digits, key + 7);
        if (digits.size() != 8 || digits.find_first_not_of("0123456789abcdef") != digits.npos ||
            place == text_.npos)
            fail("__metadata__ 'crc32' is not a checksum of 8 hexadecimal digits");
        constexpr std::array<std::byte, 8> zeros = [] {
            std::array<std::byte, 8> z{};
            z.fill(std::byte{'0'});
            return z;
        }();
        std::uint32_t sum = crc32(bytes_.first(8 + place));
        sum = crc32(zeros, sum);
        sum = crc32(bytes_.subspan(8 + place + 8), sum);
        if (sum != static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16)))
            fail("the file is damaged (its checksum does not fit); copy it again");
    }

    std::string read_metadata(const json& header) const {
        const auto metadata = header.find("__metadata__");
        if (metadata == header.end() || !metadata->is_object() || !metadata->contains("tektite")) {
            fail("a safetensors file, but not a Tektite model (its __metadata__ has no key 'tektite')");
        }
        for (const auto& [key, value] : metadata->items()) {
            if (!value.is_string()) fail("__metadata__ " + quoted(key) + " is not a string");
        }
        return (*metadata)["tektite"].get<std::string>();
    }

    std::vector<Entry> read_entries(const json& header) const {
        std::vector<Entry> entries;
        for (const auto& [name, value] : header.items()) {
            if (name != "__metadata__") entries.push_back(read_entry(name, value));
        }
        std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
            return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
        });
        std::uint64_t end = 0;
        for (const Entry& entry : entries) {
            if (entry.begin != end) {
                fail("array " + quoted(entry.name) + " begins at byte " + std::to_string(entry.begin) +
                     " of the data, expected " + std::to_string(end));
            }
            end = entry.end;
        }
        if (end > data_.size()) {
            fail("the file is cut off: " + std::to_string(data_.size()) + " of " + std::to_string(end) +
                 " bytes of data are there; copy it again");
        }
        if (end < data_.size()) {
            fail(std::to_string(data_.size() - end) + " bytes too many at the end of the file");
        }
        return entries;
    }

    Entry read_entry(const std::string& name, const json& value) const {
        Entry entry;
        entry.name = name;
        const std::string where = "array " + quoted(name);
        if (name.empty() || name.size() > longest_name) fail(where + ": the name is empty or too long");
        if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
            !value.contains("data_offsets")) {
            fail(where + ": its entry must have dtype, shape and data_offsets");
        }
        const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
        if (!dtype.is_string()) fail(where + ": dtype is not a string");
        for (const DataType& type : data_types) {
            if (dtype.get<std::string>() == type.name) entry.type = &type;
        }
        if (!entry.type)
            fail(where + ": dtype " + quoted(dtype.get<std::string>()) + " (F64, F32, I64, I32 are known)");
        if (!shape.is_array() || shape.size() > largest_n_dimensions) fail(where + ": bad shape");
        for (const json& extent : shape) {
            if (!extent.is_number_unsigned()) fail(where + ": bad shape");
            const auto n = extent.get<std::uint64_t>();
            // The count never exceeds the bytes at hand, so that no product can overflow.
            if (n > bytes_.size() || (n != 0 && entry.count > bytes_.size() / n)) {
                fail(where + ": its shape asks for more than the file holds");
            }
            entry.count *= n;
            entry.shape.push_back(static_cast<std::int64_t>(n));
        }
        if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
            !offsets[1].is_number_unsigned()) {
            fail(where + ": bad data_offsets");
        }
        entry.begin = offsets[0].get<std::uint64_t>();
        entry.end = offsets[1].get<std::uint64_t>();
        if (entry.begin > entry.end || entry.end - entry.begin != entry.count * entry.type->size) {
            fail(where + ": data_offsets and shape disagree");
        }
        return entry;
    }

    template <typename Stored, typename Value>
    void convert(const Entry& entry, std::vector<Value>& values) const {
        values.resize(static_cast<std::size_t>(entry.count));
        const std::byte* p = data_.data() + entry.begin;
        for (Value& value : values) {
            std::byte raw[sizeof(Stored)];
            std::memcpy(raw, p, sizeof raw);
            if constexpr (std::endian::native == std::endian::big)
                std::reverse(std::begin(raw), std::end(raw));
            Stored stored;
            std::memcpy(&stored, raw, sizeof stored);
            value = static_cast<Value>(stored);
            p += sizeof raw;
        }
    }

    Array read_array(const Entry& entry) const {
        Array array;
        array.type = entry.type->type;
        array.shape = entry.shape;
        if (entry.count == 0) return array;
        switch (array.type) {
            case Array::Type::float64:
                convert<double>(entry, array.reals);
                break;
            case Array::Type::float32:
                convert<float>(entry, array.reals);
                break;
            case Array::Type::int64:
                convert<std::int64_t>(entry, array.integers);
                break;
            case Array::Type::int32:
                convert<std::int32_t>(entry, array.integers);
                break;
        }
        const auto bad =
            std::find_if(array.reals.begin(), array.reals.end(), [](double x) { return !std::isfinite(x); });
        if (bad != array.reals.end()) {
            fail("array " + quoted(entry.name) + " is not finite at position " +
                 std::to_string(bad - array.reals.begin()));
        }
        return array;
    }

    std::span<const std::byte> bytes_, data_;
    std::string_view text_;  // the header
    const std::string& path_;
};

const Array& find_array(const ModelFile& file, const std::string& name, std::size_t n_dimensions,
                        bool reals) {
    const auto found = file.arrays.find(name);
    const std::string where = file.path + ": array '" + name + "' ";
    if (found == file.arrays.end()) throw Error(ErrorCode::file_damaged, where + "is missing");
    const Array& array = found->second;
    const bool is_real = array.type == Array::Type::float64 || array.type == Array::Type::float32;
    if (is_real != reals) {
        throw Error(ErrorCode::file_damaged,
                    where + "must hold " + (reals ? "reals (F64, F32)" : "integers (I64, I32)"));
    }
    if (array.shape.size() != n_dimensions) {
        throw Error(ErrorCode::file_damaged, where + "has " + std::to_string(array.shape.size()) +
                                                 " dimensions, expected " + std::to_string(n_dimensions));
    }
    return array;
}

}  // namespace

std::int64_t Array::size() const {
    std::int64_t n = 1;
    for (const std::int64_t extent : shape) n *= extent;
    return n;
}

ModelFile ModelFile::read(const std::string& path) {
    const std::string bytes = read_bytes(path);
    return parse(std::as_bytes(std::span(bytes)), path);
}

ModelFile ModelFile::parse(std::span<const std::byte> bytes, const std::string& path) {
    return ContainerReader(bytes, path).read();
}

const Array& ModelFile::reals(const std::string& name, std::size_t n_dimensions) const {
    return find_array(*this, name, n_dimensions, true);
}

const Array& ModelFile::integers(const std::string& name, std::size_t n_dimensions) const {
    return find_array(*this, name, n_dimensions, false);
}

}  // namespace tektite
