// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/model_file_json.hpp"
#include "tektite/model_file.hpp"
#include "tektite/neighbor_list.hpp"

namespace tektite {

namespace {

class ReferenceReader {
public:
    explicit ReferenceReader(const ModelFile& file)
        : file_(file),
          metadata_(parse_json(file.metadata, file.path, "metadata")),
          reader_(metadata_, file.path) {}

    std::vector<ReferenceStructure> read() {
        const bool present = std::any_of(file_.arrays.begin(), file_.arrays.end(), [](const auto& named) {
            return named.first.rfind("reference.", 0) == 0;
        });
        if (!present) return {};
        const std::vector<std::string> names = reader_.texts("reference_names");
        const auto n_elements = static_cast<std::int64_t>(reader_.array("elements").size());
        const std::vector<std::int64_t>& n_atoms = file_.integers("reference.n_atoms", 1).integers;
        const std::size_t n = n_atoms.size();
        if (names.size() != n) reader_.fail("reference_names", "has not one name per reference structure");
        const Array& species = file_.integers("reference.species", 1);
        std::size_t total = 0;
        for (const std::int64_t count : n_atoms) {
            if (count < 1 || static_cast<std::size_t>(count) > species.integers.size() - total) {
                fail("reference.n_atoms", "does not add to the length of reference.species");
            }
            total += static_cast<std::size_t>(count);
        }
        if (total != species.integers.size()) {
            fail("reference.n_atoms", "does not add to the length of reference.species");
        }
        for (const std::int64_t s : species.integers) {
            if (s < 0 || s >= n_elements) fail("reference.species", "holds an index beyond the elements");
        }
        const Array& cells = shaped(file_.reals("reference.cells", 3), "reference.cells", {n, 3, 3});
        const Array& periodic = shaped(file_.integers("reference.periodic", 2), "reference.periodic", {n, 3});
        const Array& energies = shaped(file_.reals("reference.energies", 1), "reference.energies", {n});
        const Array& positions =
            shaped(file_.reals("reference.positions", 2), "reference.positions", {total, 3});
        const Array& forces = shaped(file_.reals("reference.forces", 2), "reference.forces", {total, 3});

        std::vector<ReferenceStructure> structures(n);
        std::size_t begin = 0;
        for (std::size_t s = 0; s < n; ++s) {
            ReferenceStructure& structure = structures[s];
            const auto end = begin + static_cast<std::size_t>(n_atoms[s]);
            structure.name = names[s];
            structure.energy = energies.reals[s];
            std::copy_n(&cells.reals[9 * s], 9, structure.cell.begin());
            for (std::size_t d = 0; d < 3; ++d) {
                const std::int64_t flag = periodic.integers[3 * s + d];
                if (flag != 0 && flag != 1) fail("reference.periodic", "must hold 0 and 1");
                structure.periodic[d] = flag == 1;
            }
            structure.species.assign(&species.integers[begin], species.integers.data() + end);
            structure.positions.assign(&positions.reals[3 * begin], positions.reals.data() + 3 * end);
            structure.forces.assign(&forces.reals[3 * begin], forces.reals.data() + 3 * end);
            begin = end;
        }
        return structures;
    }

private:
    [[noreturn]] void fail(const std::string& array, const std::string& what) const {
        throw Error(ErrorCode::file_damaged, file_.path + ": array '" + array + "' " + what);
    }
    const Array& shaped(const Array& array, const std::string& name,
                        const std::vector<std::size_t>& shape) const {
        for (std::size_t d = 0; d < shape.size(); ++d) {
            if (array.shape[d] != static_cast<std::int64_t>(shape[d])) fail(name, "has the wrong shape");
        }
        return array;
    }

    const ModelFile& file_;
    nlohmann::json metadata_;
    MetadataReader reader_;
};

struct Deviation {
    double energy = 0, force = 0;  // eV/atom, eV/angstrom
    double worst = 0;              // largest deviation in units of its tolerance
};

Deviation recompute(const Potential& potential, const ReferenceStructure& reference, Workspace& workspace,
                    NeighborList& list, double energy_tolerance, double force_tolerance) {
    Box box;
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t d = 0; d < 3; ++d) box.cell[i][d] = reference.cell[3 * i + d];
    }
    box.periodic = reference.periodic;
    list.build(reference.positions, box, potential.info().cutoff);
    const std::size_t n = reference.species.size();
    std::vector<std::int32_t> centers(n);
    std::iota(centers.begin(), centers.end(), 0);
    Cluster cluster;
    cluster.positions = reference.positions;
    cluster.species = reference.species;
    cluster.centers = centers;
    list.attach(cluster);
    double energy = 0;
    std::vector<double> forces(3 * n, 0.0);
    Results results;
    results.energy = &energy;
    results.forces = forces;
    potential.evaluate(cluster, results, workspace);

    Deviation deviation;
    const double atoms = static_cast<double>(n);
    const auto compare = [&](double found, double expected, double tolerance, double& largest) {
        double error = std::abs(found - expected);
        if (!(error >= 0)) error = std::numeric_limits<double>::infinity();
        largest = std::max(largest, error);
        deviation.worst = std::max(deviation.worst, error / (tolerance * std::max(1.0, std::abs(expected))));
    };
    compare(energy / atoms, reference.energy / atoms, energy_tolerance, deviation.energy);
    for (std::size_t k = 0; k < 3 * n; ++k) {
        compare(forces[k], reference.forces[k], force_tolerance, deviation.force);
    }
    return deviation;
}

}  // namespace

std::vector<ReferenceStructure> reference_structures(const ModelFile& file) {
    return ReferenceReader(file).read();
}

ReferenceCheck check_references(const Potential& potential, std::span<const ReferenceStructure> structures,
                                const EvaluationOptions& options) {
    ReferenceCheck check;
    const bool real64 = options.precision == Precision::real64;
    const double energy_tolerance = real64 ? 1e-8 : 1e-4, force_tolerance = real64 ? 1e-7 : 1e-3;
    const std::unique_ptr<Workspace> workspace = potential.make_workspace(options);
    NeighborList list;
    double worst = -1;
    for (const ReferenceStructure& structure : structures) {
        const Deviation deviation =
            recompute(potential, structure, *workspace, list, energy_tolerance, force_tolerance);
        ++check.n_structures;
        check.energy_error = std::max(check.energy_error, deviation.energy);
        check.force_error = std::max(check.force_error, deviation.force);
        check.passed = check.passed && deviation.worst <= 1;
        if (deviation.worst > worst) {
            worst = deviation.worst;
            check.worst = structure.name;
        }
    }
    return check;
}

}  // namespace tektite
