// SPDX-License-Identifier: BSD-3-Clause
// Published ACE potentials against what ML-PACE computes for them (*_mlpace.extxyz in ../shared/data/ace).
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "tektite/neighbor_list.hpp"
#include "tektite/potential.hpp"

using namespace tektite;
using tektite::test::check;

namespace {

constexpr int skipped = 77;  // what CMakeLists.txt tells ctest

struct Frame {
    std::string name;
    Box box;
    double energy = 0;
    std::vector<std::string> symbols;
    std::vector<double> positions, forces, energies;
    [[nodiscard]] std::size_t size() const { return symbols.size(); }
};

/// Text of `key` in an extxyz comment line: key=value or key="value".
std::string entry(const std::string& line, const std::string& key) {
    std::size_t at = line.rfind(key + "=", 0) == 0 ? 0 : line.find(" " + key + "=");
    if (at == std::string::npos) return "";
    at = line.find('=', at) + 1;
    const bool quoted = line[at] == '"';
    const std::size_t end = line.find(quoted ? '"' : ' ', at + 1);
    return line.substr(at + quoted, end - at - quoted);
}

/// Frames whose columns are species, pos, forces, energies.
std::vector<Frame> read_frames(const std::string& path) {
    std::ifstream stream(path);
    std::vector<Frame> frames;
    std::string line;
    while (std::getline(stream, line)) {
        Frame frame;
        const std::size_t n = std::stoul(line);
        std::getline(stream, line);
        check(entry(line, "Properties") == "species:S:1:pos:R:3:forces:R:3:energies:R:1", path + ": columns");
        frame.name = entry(line, "name");
        frame.energy = std::stod(entry(line, "energy"));
        std::istringstream lattice(entry(line, "Lattice")), pbc(entry(line, "pbc"));
        for (auto& vector : frame.box.cell)
            for (double& x : vector) lattice >> x;
        for (bool& periodic : frame.box.periodic) {
            std::string flag;
            pbc >> flag;
            periodic = flag == "T";
        }
        for (std::size_t i = 0; i < n; ++i) {
            std::getline(stream, line);
            std::istringstream row(line);
            std::array<double, 7> values{};
            row >> frame.symbols.emplace_back();
            for (double& value : values) row >> value;
            check(static_cast<bool>(row), path + ": a row of " + frame.name);
            frame.positions.insert(frame.positions.end(), values.begin(), values.begin() + 3);
            frame.forces.insert(frame.forces.end(), values.begin() + 3, values.begin() + 6);
            frame.energies.push_back(values[6]);
        }
        frames.push_back(std::move(frame));
    }
    return frames;
}

/// Within 1e-6 eV/atom and 1e-5 eV/A plus 1e-8 of the value (forces: of the largest, for those on both sides
/// of a core repulsion are sums of terms as large as that).
void compare(const Potential& potential, Workspace& workspace, const Frame& frame) {
    const std::vector<std::string>& elements = potential.info().elements;
    std::vector<std::int32_t> species, centers(frame.size());
    for (const std::string& symbol : frame.symbols)
        species.push_back(static_cast<std::int32_t>(std::find(elements.begin(), elements.end(), symbol) -
                                                    elements.begin()));
    std::iota(centers.begin(), centers.end(), 0);
    NeighborList neighbors;
    neighbors.build(frame.positions, frame.box, potential.info().cutoff);
    Cluster cluster;
    cluster.positions = frame.positions;
    cluster.species = species;
    cluster.centers = centers;
    neighbors.attach(cluster);
    double energy = 0;
    std::vector<double> energies(frame.size()), forces(3 * frame.size());
    Results results;
    results.energy = &energy;
    results.atom_energies = energies;
    results.forces = forces;
    potential.evaluate(cluster, results, workspace);

    using tektite::test::check_close;
    check_close(energy, frame.energy,
                1e-6 * static_cast<double>(frame.size()) + 1e-8 * std::abs(frame.energy),
                frame.name + ": energy");
    double largest = 0;
    for (const double f : frame.forces) largest = std::max(largest, std::abs(f));
    for (std::size_t i = 0; i < frame.size(); ++i) {
        check_close(energies[i], frame.energies[i], 1e-6 + 1e-8 * std::abs(frame.energies[i]),
                    frame.name + ": energy of atom " + std::to_string(i));
        for (std::size_t c = 0; c < 3; ++c)
            check_close(forces[3 * i + c], frame.forces[3 * i + c], 1e-5 + 1e-8 * largest,
                        frame.name + ": force on atom " + std::to_string(i));
    }
}

}  // namespace

int main() {
    const char* place = std::getenv("TEKTITE_SHARED_DATA");
    const std::string folder =
        (place != nullptr ? std::string(place) : TEKTITE_SOURCE_DIR "/../shared/data") + "/ace/";
    if (!std::filesystem::exists(folder)) {
        std::printf("%s is not there: no reference data\n", folder.c_str());
        return skipped;
    }
    for (const std::string name : {"XPOT-Si", "XPOT-Sb2Te3"}) {
        const auto potential = load_potential(folder + name + ".yace");
        const auto workspace = potential->make_workspace({});
        const std::vector<Frame> frames = read_frames(folder + name + "_mlpace.extxyz");
        check(frames.size() > 10, name + ": frames");
        for (const Frame& frame : frames) compare(*potential, *workspace, frame);
    }
    return tektite::test::finish();
}
