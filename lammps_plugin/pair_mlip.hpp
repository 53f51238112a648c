// SPDX-License-Identifier: GPL-2.0-only
// pair_style mlip (also registered as tektite): the Tektite engine behind LAMMPS's arrays.
//
// The engine (tektite.h) works in eV and angstrom on positions, species, centres and a full neighbour list;
// LAMMPS has all of these as they are, so nothing is copied in. On a device it needs no neighbour list, and
// none is asked for. Everything that is particular to LAMMPS lives here: units, newton on and off, which
// per-atom arrays are wanted, hybrid, restart files, messages.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "distance_guard.hpp"
#include "pair.h"
#include "tektite/tektite.h"

namespace tektite_lammps {

struct ModelDeleter {
    void operator()(tektite_model* model) const { tektite_model_free(model); }
};
struct EvaluatorDeleter {
    void operator()(tektite_evaluator* evaluator) const { tektite_evaluator_free(evaluator); }
};

class PairMLIP : public LAMMPS_NS::Pair {
public:
    explicit PairMLIP(LAMMPS_NS::LAMMPS* instance);
    ~PairMLIP() override;
    PairMLIP(const PairMLIP&) = delete;
    PairMLIP& operator=(const PairMLIP&) = delete;

    void compute(int eflag, int vflag) override;
    void settings(int narg, char** arg) override;
    void coeff(int narg, char** arg) override;
    void init_style() override;
    double init_one(int i, int j) override;
    void setup() override;
    void finish() override;

    void write_restart(FILE* file) override;
    void read_restart(FILE* file) override;
    void write_restart_settings(FILE* file) override;
    void read_restart_settings(FILE* file) override;

    int pack_reverse_comm(int n, int first, double* buffer) override;
    void unpack_reverse_comm(int n, int* atoms, double* buffer) override;

    /// "scale" (dim 2): [n_types+1][n_types+1], of which [i][i] multiplies the energies of centres of type i.
    /// "uncertainty_flag" (dim 0): set to 1, the next compute() computes uncertainties.
    void* extract(const char* name, int& dim) override;
    /// "uncertainty": per-atom vector in energy units, if the model has uncertainties.
    void* extract_peratom(const char* name, int& n_columns) override;
    double memory_usage() override;

private:
    /// What pair_style said.
    struct Settings {
        int precision = TEKTITE_DOUBLE;
        int n_threads = 1;
        bool on_device = false;
        bool deterministic = false;
    };
    /// Centres whose energies enter with the same factor (units times scale).
    struct CenterSet {
        double factor = 1;
        const int* centers = nullptr;  // null: the local atoms
        int n_centers = 0;
    };
    /// Where the results of a whole compute() go; null: not wanted.
    struct Targets {
        double* forces = nullptr;         // [n_all][3]
        double* atom_energies = nullptr;  // [n_all]
        double* halved = nullptr;         // [n_all][6]
        double* centroid = nullptr;       // [n_all][9], order of LAMMPS
        double* uncertainties = nullptr;  // [n_all]
        bool energy = false, virial = false;
    };

    // pair_mlip_input.cpp
    void allocate();
    void refuse_foreign_argument(const std::string& argument);
    void use_model(const std::string& path, const std::vector<std::string>& element_of_type);
    [[nodiscard]] std::unique_ptr<tektite_model, ModelDeleter> load_model(const std::string& path,
                                                                          std::uint64_t& checksum);
    [[nodiscard]] std::vector<int> find_species(const tektite_model* model, const std::string& path,
                                                const std::vector<std::string>& element_of_type);
    [[nodiscard]] std::unique_ptr<tektite_evaluator, EvaluatorDeleter> make_evaluator(
        const tektite_model* model);
    void check_references(const tektite_model* model, const std::string& path);
    void print_summary();
    [[nodiscard]] std::string share_from_rank(const std::string& text, int rank) const;
    [[nodiscard]] std::string message_of_any_failure(bool failed, const std::string& message);
    void stop_if_any_failed(bool failed, const std::string& message);

    // pair_mlip_device.cpp
    [[nodiscard]] int choose_device();
    [[nodiscard]] std::string why_no_device();
    void refuse_what_needs_a_list();
    void update_list_number();
    void warn_beyond_skin();
    [[nodiscard]] ClosePair closest_on_device();
    void print_device_memory();

    // pair_mlip.cpp
    void update_species(int n_all);
    void update_center_sets();
    void evaluate(const CenterSet& set, const Targets& targets);
    void evaluate_all(const Targets& targets);
    [[nodiscard]] tektite_status ask_engine(const CenterSet& set, const tektite_results& results);
    [[nodiscard]] static int center(const CenterSet& set, int k) {
        return set.centers != nullptr ? set.centers[k] : k;
    }
    void compute_uncertainties();
    void reverse(double* data, int width, bool clear_ghosts);
    [[nodiscard]] Neighbors neighbors() const;
    [[nodiscard]] const double* positions() const;
    void watch_distances();
    void remember_and_warn(const ClosePair& pair);
    [[nodiscard]] std::string worst_of_all_ranks() const;
    void stop_if_not_finite(const double* forces);
    [[nodiscard]] std::string describe_not_finite(const CenterSet& set);
    [[nodiscard]] std::string describe(int atom_index) const;
    [[nodiscard]] std::string describe(const ClosePair& pair) const;
    [[noreturn]] void stop(const std::string& reason);
    [[noreturn]] void stop_for_engine(tektite_status status);

    // What pair_style and pair_coeff said.
    Settings settings_;
    std::string model_path_;  // as given
    std::uint64_t model_checksum_ = 0;
    std::vector<std::string> element_of_type_;  // [n_types], "NULL": another style's
    std::vector<int> species_of_type_;          // [n_types + 1], -1: unseen

    // The order matters: the evaluator goes first.
    std::unique_ptr<tektite_model, ModelDeleter> model_;
    std::unique_ptr<tektite_evaluator, EvaluatorDeleter> evaluator_;

    double energy_unit_ = 1;  // LAMMPS energy units in an eV
    double** scale_ = nullptr;

    std::vector<int> species_;      // [n_all]
    bool species_changed_ = false;  // in the last update_species()
    std::vector<CenterSet> center_sets_;
    std::vector<int> sorted_centers_;
    std::vector<double> total_forces_;  // newton off: forces also on ghosts, before they travel home
    std::vector<double> scratch_forces_, scratch_halved_, scratch_centroid_;
    std::vector<double> uncertainties_;  // [n_all] of the last time they were computed
    int uncertainty_flag_ = 0;
    bool uncertainties_current_ = false;
    int n_computed_ = -1;  // atoms and ghosts at the last compute()

    // On a device.
    std::int64_t list_number_ = 0;
    std::vector<double> center_factors_;  // [nlocal] where types have different scales
    bool warned_beyond_skin_ = false;
    bool list_is_new_ = false;
    std::vector<char> is_mapped_;  // [n_types + 1]^2: hybrid gave us the pair of types
    std::string device_summary_, printed_memory_;

    double* reverse_data_ = nullptr;
    int reverse_width_ = 0;

    DistanceGuard guard_;
    LAMMPS_NS::bigint n_list_builds_ = -1;
    ClosePair closest_;  // closest below the minimum in this run, as it was then
    std::string closest_text_;
    std::int64_t n_close_steps_ = 0;
    bool warned_ = false;
};

}  // namespace tektite_lammps
