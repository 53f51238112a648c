// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "models/descriptor_reader.hpp"
#include "models/registry.hpp"

namespace tektite::gap {

using nlohmann::json;

namespace {

/// More would not be a model but a damaged number.
constexpr std::size_t most_sparse_points = 1000000;
constexpr std::size_t most_terms = 10000;

class Reader {
public:
    Reader(const ModelFile& file, const std::string& prefix, const json& metadata)
        : file_(file), prefix_(prefix), top_(metadata, file.path) {
        parameters_.info = read_model_info(metadata, file.path);
    }

    Parameters read() {
        const json& terms = top_.array("terms");
        if (terms.empty() || terms.size() > most_terms) top_.fail("terms", "must hold at least one term");
        double largest = 0;
        for (std::size_t k = 0; k < terms.size(); ++k) {
            const std::string where = "terms." + std::to_string(k) + ".";
            const MetadataReader term(terms[k], file_.path, where);
            const double cutoff = term.number("cutoff");
            check_cutoff(term);
            largest = std::max(largest, cutoff);
            const std::string kind = term.text("kind");
            if (kind == "soap")
                read_soap(term, where);
            else if (kind == "soap_turbo")
                read_soap_turbo(term, where);
            else if (kind == "distance_2b")
                read_pair(term, where);
            else if (kind == "angle_3b")
                read_triplet(term, where);
            else
                throw Error(ErrorCode::unsupported,
                            file_.path + ": GAP terms of the kind '" + kind +
                                "' are not supported (soap, soap_turbo, distance_2b, angle_3b)");
        }
        if (std::abs(largest - parameters_.info.cutoff) > 1e-9)
            top_.fail("cutoff", "is not the largest cutoff of the terms");
        read_variance();
        return std::move(parameters_);
    }

private:
    [[noreturn]] void fail(const std::string& array, const std::string& what) const {
        throw Error(ErrorCode::file_damaged, file_.path + ": array '" + prefix_ + array + "' " + what);
    }

    int element(const MetadataReader& term, const std::string& key, const std::string& symbol) const {
        const auto& elements = parameters_.info.elements;
        const auto found = std::find(elements.begin(), elements.end(), symbol);
        if (found == elements.end())
            term.fail(key, "names '" + symbol + "', which is not among the elements");
        return static_cast<int>(found - elements.begin());
    }

    double positive(const MetadataReader& term, const std::string& key) const {
        const double value = term.number(key);
        if (!(value > 0 && value < 1e6)) term.fail(key, "must be positive");
        return value;
    }

    double width(const MetadataReader& term) const {
        const double value = term.number("cutoff_transition_width");
        if (!(value >= 0 && value <= term.number("cutoff")))
            term.fail("cutoff_transition_width", "must lie between 0 and the cutoff");
        return value;
    }

    /// Sparse points of `size` numbers and their weights; returns how many there are.
    std::size_t read_points(const std::string& where, std::size_t size, std::vector<double>& points,
                            std::vector<double>& weights, std::size_t& first) {
        const Array& given = file_.reals(prefix_ + where + "sparse_points", 2);
        const auto n = static_cast<std::size_t>(given.shape[0]);
        if (n == 0 || parameters_.n_sparse + n > most_sparse_points)
            fail(where + "sparse_points", "has an impossible number of points");
        if (given.shape[1] != static_cast<std::int64_t>(size))
            fail(where + "sparse_points", "has points of " + std::to_string(given.shape[1]) +
                                              " numbers; the descriptor has " + std::to_string(size));
        const Array& factors = file_.reals(prefix_ + where + "weights", 1);
        if (factors.shape[0] != given.shape[0])
            fail(where + "weights", "has " + std::to_string(factors.shape[0]) + " numbers for " +
                                        std::to_string(n) + " sparse points");
        for (const Array* array : {&given, &factors})
            for (const double x : array->reals)
                if (!std::isfinite(x))
                    fail(where + (array == &given ? "sparse_points" : "weights"),
                         "holds a value that is not finite");
        points = given.reals;
        weights = factors.reals;
        first = parameters_.n_sparse;
        parameters_.n_sparse += n;
        return n;
    }

    /// Keys that all SOAP terms have.
    SoapTerm begin_soap(const MetadataReader& term) const {
        SoapTerm out;
        out.centers.assign(parameters_.info.elements.size(), false);
        for (const std::string& symbol : term.texts("centers"))
            out.centers[static_cast<std::size_t>(element(term, "centers", symbol))] = true;
        out.delta = positive(term, "delta");
        out.zeta = term.number("zeta");
        if (!(out.zeta >= 1 && out.zeta <= 100)) term.fail("zeta", "must be 1 to 100");
        return out;
    }

    /// Reads the sparse points and makes the descriptor; what it refuses is said of the file.
    template <typename Maker>
    void finish_soap(SoapTerm& out, const std::string& where, int n_features, Maker&& make) {
        read_points(where, static_cast<std::size_t>(n_features), out.sparse_points, out.weights,
                    out.first_sparse);
        try {
            out.descriptor = make();
        } catch (const Error& error) {
            if (error.code() != ErrorCode::invalid_argument) throw;
            throw Error(ErrorCode::file_damaged,
                        file_.path + ": key '" + where.substr(0, where.size() - 1) + "': " + error.what());
        }
        parameters_.soap.push_back(std::move(out));
    }

    void read_soap(const MetadataReader& term, const std::string& where) {
        term.only({"kind", "cutoff", "cutoff_transition_width", "delta", "zeta", "centers", "channels",
                   "radial_basis", "n_max", "l_max", "sigma", "basis_error_exponent", "central_weight",
                   "central_all_channels", "normalise", "mixing_left"});
        SoapTerm out = begin_soap(term);
        SoapParameters soap = read_soap_parameters(term, parameters_.info.elements);
        read_mixing(file_, prefix_ + where + "mixing", soap);
        finish_soap(out, where, soap.n_features(), [&] { return make_soap(soap); });
    }

    void read_soap_turbo(const MetadataReader& term, const std::string& where) {
        term.only({"kind", "cutoff", "delta", "zeta", "centers", "l_max", "compressed", "species"});
        SoapTerm out = begin_soap(term);
        const SoapTurboParameters turbo =
            read_soap_turbo_parameters(term, file_.path, where, parameters_.info.elements);
        finish_soap(out, where, turbo.n_features(), [&] { return make_soap_turbo(turbo); });
    }

    void read_pair(const MetadataReader& term, const std::string& where) {
        term.only({"kind", "cutoff", "cutoff_transition_width", "delta", "theta", "elements"});
        PairTerm out;
        const std::vector<std::string> symbols = term.texts("elements");
        if (symbols.size() != 2) term.fail("elements", "must name two elements");
        out.first = element(term, "elements", symbols[0]);
        out.second = element(term, "elements", symbols[1]);
        out.cutoff = term.number("cutoff");
        out.transition_width = width(term);
        out.delta = positive(term, "delta");
        out.theta = positive(term, "theta");
        read_points(where, 1, out.sparse_points, out.weights, out.first_sparse);
        parameters_.pairs.push_back(std::move(out));
    }

    void read_triplet(const MetadataReader& term, const std::string& where) {
        term.only({"kind", "cutoff", "cutoff_transition_width", "delta", "theta", "center", "neighbors"});
        TripletTerm out;
        const std::vector<std::string> symbols = term.texts("neighbors");
        if (symbols.size() != 2) term.fail("neighbors", "must name two elements");
        out.center = element(term, "center", term.text("center"));
        out.first = element(term, "neighbors", symbols[0]);
        out.second = element(term, "neighbors", symbols[1]);
        out.cutoff = term.number("cutoff");
        out.transition_width = width(term);
        out.delta = positive(term, "delta");
        const std::vector<double> theta = term.numbers("theta");
        if (theta.size() != 3) term.fail("theta", "must hold three numbers");
        for (std::size_t d = 0; d < 3; ++d) {
            if (!(theta[d] > 0)) term.fail("theta", "must be positive");
            out.theta[d] = theta[d];
        }
        read_points(where, 3, out.sparse_points, out.weights, out.first_sparse);
        parameters_.triplets.push_back(std::move(out));
    }

    std::vector<double> read_factor(const std::string& name) {
        const Array& array = file_.reals(prefix_ + name, 2);
        const std::size_t n = parameters_.n_sparse;
        if (array.shape[0] != static_cast<std::int64_t>(n) || array.shape[1] != array.shape[0])
            fail(name, "must have " + std::to_string(n) + " rows and columns, one for each sparse point");
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                const double x = array.reals[i * n + j];
                if (!std::isfinite(x)) fail(name, "holds a value that is not finite");
                if (j > i && x != 0) fail(name, "is not lower triangular");
            }
        return array.reals;
    }

    void read_variance() {
        const bool prior = file_.arrays.contains(prefix_ + "variance.prior_factor");
        const bool posterior = file_.arrays.contains(prefix_ + "variance.posterior_factor");
        if (!prior && !posterior) return;
        // Naming the one that is missing is the business of the access.
        parameters_.prior_factor = read_factor("variance.prior_factor");
        parameters_.posterior_factor = read_factor("variance.posterior_factor");
        parameters_.info.has_uncertainty = true;
    }

    const ModelFile& file_;
    const std::string& prefix_;
    MetadataReader top_;
    Parameters parameters_;
};

}  // namespace

Parameters read_parameters(const ModelFile& file, const std::string& prefix, const json& metadata) {
    return Reader(file, prefix, metadata).read();
}

std::vector<double> pair_cutoffs(const Parameters& p) {
    const std::size_t n = p.info.elements.size();
    std::vector<double> cutoffs(n * n, 0.0);
    const auto reach = [&](int center, int neighbor, double cutoff) {
        double& c = cutoffs[static_cast<std::size_t>(center) * n + static_cast<std::size_t>(neighbor)];
        c = std::max(c, cutoff);
    };
    for (const SoapTerm& term : p.soap)
        for (std::size_t center = 0; center < n; ++center)
            for (std::size_t neighbor = 0; neighbor < n; ++neighbor)
                if (term.centers[center])
                    reach(static_cast<int>(center), static_cast<int>(neighbor),
                          term.descriptor->cutoffs()[neighbor]);
    for (const PairTerm& term : p.pairs) {
        reach(term.first, term.second, term.cutoff);
        reach(term.second, term.first, term.cutoff);
    }
    for (const TripletTerm& term : p.triplets)
        for (const int neighbor : {term.first, term.second}) reach(term.center, neighbor, term.cutoff);
    return cutoffs;
}

}  // namespace tektite::gap
