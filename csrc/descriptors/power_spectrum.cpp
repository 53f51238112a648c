// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/power_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "base/kernels_for.hpp"
#include "basis/spherical_harmonics.hpp"
#include "descriptors/kernels/soap_views.hpp"

namespace tektite {

namespace soap {

/// Tables in one precision. The radial functions contain the norm of the harmonics, 1/sqrt(4 pi).
template <typename T>
class Tables {
public:
    explicit Tables(const PowerSpectrumSetup& setup) : position_(setup.position) {
        const int n_max = setup.n_max, l_max = setup.l_max, n_columns = n_max * (l_max + 1);
        const double norm = 1.0 / std::sqrt(4.0 * std::numbers::pi);
        const bool is_double = std::is_same_v<T, double>;
        const TableOptions options{is_double ? 1e-10 : 3e-8, is_double ? 2e-9 : 3e-7, is_double ? 8 : 16};
        int n_tables = 0, row = 0;
        for (const ElementDensity& e : setup.elements)
            if (e.channel >= 0) n_tables = std::max(n_tables, e.table + 1);
        owned_.resize(static_cast<std::size_t>(n_tables));
        for (const ElementDensity& e : setup.elements) {
            channel_.push_back(e.channel);
            radial_.push_back({});
            if (e.channel < 0) continue;
            Owned& own = owned_[static_cast<std::size_t>(e.table)];
            if (own.coefficients.empty()) {
                const RadialFunctions functions = [&](double r, double* value, double* slope) {
                    e.functions(r, value, slope);
                    for (int k = 0; k < n_columns; ++k) {
                        value[k] *= norm;
                        slope[k] *= norm;
                    }
                };
                own.table = tabulate(n_columns, functions, e.cutoff, e.breakpoints, options);
                own.coefficients.assign(own.table.coefficients.begin(), own.table.coefficients.end());
                own.table.coefficients = {};
            }
            row = own.table.row;
            radial_.back() = {own.table.n_segments, own.table.start,         own.table.inverse_width,
                              own.table.first_bin,  own.coefficients.data(), e.cutoff};
        }
        scale_.assign(setup.scale.begin(), setup.scale.end());
        for (const std::vector<double>& c : setup.central)
            for (const double x : c) central_.push_back(static_cast<T>(norm * x));

        // Real harmonics: sqrt(2) for all m > 0, which the recursions carry along from Q_mm.
        const LegendreCoefficients c(l_max);
        a_.assign(c.a.begin(), c.a.end());
        b_.assign(c.b.begin(), c.b.end());
        slope_.assign(c.slope.begin(), c.slope.end());
        diagonal_.assign(c.diagonal.begin(), c.diagonal.end());
        for (std::size_t m = 1; m <= static_cast<std::size_t>(l_max); ++m)
            diagonal_[m] = static_cast<T>(c.diagonal[m] * std::numbers::sqrt2);
        for (int l = 1; l <= l_max; ++l) {
            const auto i = static_cast<std::size_t>(lm_index(l, 0));
            slope_[i] = static_cast<T>(c.slope[i] / std::numbers::sqrt2);
        }
        const int size = setup.n_channels * n_max;
        view_ = {radial_.data(),
                 row,
                 n_columns,
                 n_max,
                 l_max,
                 size,
                 (size + coefficient_tile - 1) / coefficient_tile * coefficient_tile,
                 *std::max_element(position_.begin(), position_.end()) + 1,
                 channel_.data(),
                 position_.data(),
                 scale_.data(),
                 a_.data(),
                 b_.data(),
                 slope_.data(),
                 diagonal_.data(),
                 setup.normalise};
    }
    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;

    [[nodiscard]] const SoapView<T>& view() const { return view_; }
    [[nodiscard]] const T* central(int element) const {
        return central_.data() +
               static_cast<std::size_t>(element) * static_cast<std::size_t>(view_.n_coefficients);
    }

private:
    struct Owned {
        RadialTable table;
        AlignedVector<T> coefficients;
    };
    std::vector<Owned> owned_;
    std::vector<RadialView<T>> radial_;  // [n_elements]
    std::vector<T> a_, b_, slope_, diagonal_, central_, scale_;
    std::vector<int> channel_, position_;
    SoapView<T> view_{};
};

namespace {

/// Memory of one register's lanes.
template <typename T>
struct Group {
    AlignedVector<T> c, unit, inverse_r, position, inverse_width, inverse_norm;
    AlignedVector<std::int64_t> bin;
    std::vector<int> species_end;
};

template <typename T>
class SoapBlock final : public BlockDescriptor<T> {
public:
    SoapBlock(std::shared_ptr<const Tables<T>> tables, InstructionSet isa, int n_features)
        : tables_(std::move(tables)),
          kernels_(in_precision<T>(kernels_for<KernelTable>(isa))),
          width_(static_cast<std::size_t>(kernels_.lanes)),
          n_features_(static_cast<std::size_t>(n_features)) {
        const SoapView<T>& v = tables_->view();
        const auto padded = static_cast<std::size_t>(v.n_padded);
        const auto n_lm = static_cast<std::size_t>((v.l_max + 1) * (v.l_max + 1));
        dE_dc_.resize(n_lm * padded * width_);
        radial_.resize(tile_steps * static_cast<std::size_t>(v.row) * width_);
        slope_.resize(static_cast<std::size_t>(v.row) * width_);
        harmonics_.resize(tile_steps * n_lm * width_);
        symmetric_.resize(padded * padded * width_);
        edge_sums_.resize(4 * padded * width_);
    }

    [[nodiscard]] int lanes() const override { return kernels_.lanes; }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t bytes = (dE_dc_.capacity() + radial_.capacity() + slope_.capacity() +
                             harmonics_.capacity() + symmetric_.capacity() + edge_sums_.capacity()) *
                            sizeof(T);
        for (const Group<T>& g : groups_)
            bytes += (g.c.capacity() + g.unit.capacity() + g.inverse_r.capacity() + g.position.capacity() +
                      g.inverse_width.capacity() + g.inverse_norm.capacity()) *
                         sizeof(T) +
                     g.bin.capacity() * sizeof(std::int64_t) + g.species_end.capacity() * sizeof(int);
        return bytes;
    }

    void forward(const EdgeBlock& block, T* features) override {
        prepare(block);
        const T* central = tables_->central(block.center_species);
        for (std::size_t g = 0; g < n_groups(block); ++g)
            kernels_.forward(tables_->view(), lanes_view(block, g), scratch(g), central,
                             features + g * width_, static_cast<std::size_t>(block.lanes));
    }

    void backward(EdgeBlock& block, const T* features, const T* adjoint) override {
        for (std::size_t g = 0; g < n_groups(block); ++g) {
            LanesView view = lanes_view(block, g);
            view.dE_dx = block.dE_dx.data() + g * width_;
            view.dE_dy = block.dE_dy.data() + g * width_;
            view.dE_dz = block.dE_dz.data() + g * width_;
            kernels_.backward(tables_->view(), view, scratch(g), features + g * width_, adjoint + g * width_,
                              static_cast<std::size_t>(block.lanes));
        }
    }

    void edge_gradient(const EdgeBlock& block, const T* features, int group, int species, int step,
                       T* gradient) override {
        const auto g = static_cast<std::size_t>(group);
        // These lanes may have fewer edges than the block: what forward() did not touch has no gradient.
        if (tables_->view().channel[species] < 0 ||
            step >= groups_[g].species_end[static_cast<std::size_t>(species)]) {
            std::fill_n(gradient, 3 * n_features_ * width_, T(0));
            return;
        }
        kernels_.edge_gradient(tables_->view(), scratch(g), features + g * width_,
                               static_cast<std::size_t>(block.lanes), species, step, gradient);
    }

private:
    /// Registers that hold at least one centre.
    [[nodiscard]] std::size_t n_groups(const EdgeBlock& block) const {
        return (static_cast<std::size_t>(block.n_centers) + width_ - 1) / width_;
    }

    void prepare(const EdgeBlock& block) {
        if (groups_.size() < n_groups(block)) groups_.resize(n_groups(block));
        const SoapView<T>& v = tables_->view();
        const auto steps = static_cast<std::size_t>(block.n_steps);
        const std::size_t n_species = block.species_begin.size() - 1;
        for (std::size_t g = 0; g < n_groups(block); ++g) {
            Group<T>& group = groups_[g];
            if (group.c.empty()) {
                group.c.resize(static_cast<std::size_t>((v.l_max + 1) * (v.l_max + 1) * v.n_padded) * width_);
                group.inverse_norm.resize(width_);
            }
            if (group.inverse_r.size() < steps * width_) {
                const std::size_t n = (steps + 8) * width_;
                group.unit.resize(3 * n);
                group.inverse_r.resize(n);
                group.position.resize(n);
                group.inverse_width.resize(n);
                group.bin.resize(n);
            }
            group.species_end.assign(n_species, 0);
            for (std::size_t s = 0; s < n_species; ++s) {
                const int* counts =
                    block.counts.data() + s * static_cast<std::size_t>(block.lanes) + g * width_;
                group.species_end[s] = block.species_begin[s] + *std::max_element(counts, counts + width_);
            }
        }
    }

    [[nodiscard]] LanesView lanes_view(const EdgeBlock& block, std::size_t g) const {
        return {static_cast<int>(block.species_begin.size()) - 1,
                block.species_begin.data(),
                groups_[g].species_end.data(),
                static_cast<std::size_t>(block.lanes),
                block.x.data() + g * width_,
                block.y.data() + g * width_,
                block.z.data() + g * width_,
                nullptr,
                nullptr,
                nullptr};
    }

    [[nodiscard]] Scratch<T> scratch(std::size_t g) {
        Group<T>& group = groups_[g];
        return {group.c.data(),
                group.unit.data(),
                group.inverse_r.data(),
                group.position.data(),
                group.inverse_width.data(),
                group.bin.data(),
                group.inverse_norm.data(),
                dE_dc_.data(),
                radial_.data(),
                slope_.data(),
                harmonics_.data(),
                symmetric_.data(),
                edge_sums_.data()};
    }

    std::shared_ptr<const Tables<T>> tables_;
    const Kernels<T>& kernels_;
    std::size_t width_, n_features_;
    std::vector<Group<T>> groups_;
    AlignedVector<T> dE_dc_, radial_, slope_, harmonics_, symmetric_, edge_sums_;
};

}  // namespace
}  // namespace soap

PowerSpectrum::PowerSpectrum(PowerSpectrumSetup setup) : setup_(std::move(setup)) {
    if (static_cast<double>(setup_.n_channels) * setup_.n_max > 1024)
        throw Error(ErrorCode::invalid_argument, "SOAP: more than 1024 radial functions in all channels");
    for (const ElementDensity& e : setup_.elements) cutoffs_.push_back(e.channel < 0 ? 0.0 : e.cutoff);
    double_tables_ = std::make_shared<soap::Tables<double>>(setup_);
    n_features_ = double_tables_->view().n_features;
}

PowerSpectrum::~PowerSpectrum() = default;

template <typename T>
const std::shared_ptr<const soap::Tables<T>>& PowerSpectrum::tables() const {
    if constexpr (std::is_same_v<T, double>) {
        return double_tables_;
    } else {
        std::call_once(float_once_, [&] { float_tables_ = std::make_shared<soap::Tables<float>>(setup_); });
        return float_tables_;
    }
}

template <typename T>
const soap::SoapView<T>& PowerSpectrum::view() const {
    return tables<T>()->view();
}
template const soap::SoapView<double>& PowerSpectrum::view<double>() const;
template const soap::SoapView<float>& PowerSpectrum::view<float>() const;

template <typename T>
const T* PowerSpectrum::central(int element) const {
    return tables<T>()->central(element);
}
template const double* PowerSpectrum::central<double>(int element) const;
template const float* PowerSpectrum::central<float>(int element) const;

std::unique_ptr<BlockDescriptor<double>> PowerSpectrum::make_double(InstructionSet isa) const {
    return std::make_unique<soap::SoapBlock<double>>(tables<double>(), isa, n_features());
}

std::unique_ptr<BlockDescriptor<float>> PowerSpectrum::make_float(InstructionSet isa) const {
    return std::make_unique<soap::SoapBlock<float>>(tables<float>(), isa, n_features());
}

}  // namespace tektite
