/* SPDX-License-Identifier: BSD-3-Clause */
/* The C ABI from C11, linked against libtektite alone: results, and what bad calls get. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tektite/tektite.h"

_Static_assert(__STDC_VERSION__ >= 201112L, "tektite.h is tested as C11");

static int checks = 0, failures = 0;

#define CHECK(condition)                                                   \
    do {                                                                   \
        ++checks;                                                          \
        if (!(condition)) {                                                \
            ++failures;                                                    \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                  \
    } while (0)

/* The call fails with this code and a message that holds this text. */
#define CHECK_FAILS(call, code, text)                                                                  \
    do {                                                                                               \
        tektite_status status_ = (call);                                                               \
        ++checks;                                                                                      \
        if (status_ != (code) || strstr(tektite_last_error(), (text)) == NULL) {                       \
            ++failures;                                                                                \
            printf("%s:%d: status %d, message '%s'; expected %d, '%s'\n", __FILE__, __LINE__, status_, \
                   tektite_last_error(), (code), (text));                                              \
        }                                                                                              \
    } while (0)

enum { INVALID = 1, NOT_FOUND = 2, DAMAGED = 3, UNSUPPORTED = 5, UNKNOWN_SPECIES = 6 };

enum { N = 3 };
static double positions[N][3] = {{0, 0, 0}, {1.7, 0.3, 0}, {-0.6, 1.9, 0.4}};
static int32_t species[N] = {0, 1, 0};
static int32_t centers[N] = {0, 1, 2};
static int32_t row_0[] = {1, 2}, row_1[] = {0, 2}, row_2[] = {0, 1};
static const int32_t* rows[N] = {row_0, row_1, row_2};
static int32_t counts[N] = {2, 2, 2};

static tektite_cluster make_cluster(void) {
    tektite_cluster cluster;
    memset(&cluster, 0, sizeof cluster);
    cluster.n_atoms = N;
    cluster.positions = &positions[0][0];
    cluster.species = species;
    cluster.n_centers = N;
    cluster.centers = centers;
    cluster.neighbor_rows = rows;
    cluster.neighbor_counts = counts;
    cluster.neighbor_mask = -1;
    return cluster;
}

static double energy_of(tektite_evaluator* evaluator) {
    tektite_cluster cluster = make_cluster();
    tektite_results results;
    double energy = 0;
    memset(&results, 0, sizeof results);
    results.energy = &energy;
    CHECK(tektite_evaluate(evaluator, &cluster, &results) == 0);
    return energy;
}

static void nothing_loaded(void) {
    tektite_model* model = (tektite_model*)1;
    tektite_evaluator* evaluator = (tektite_evaluator*)1;
    tektite_cluster cluster = make_cluster();
    tektite_results results;
    int n, passed;
    double e, f;
    memset(&results, 0, sizeof results);
    CHECK(tektite_abi_version() == TEKTITE_ABI_VERSION);
    CHECK(strlen(tektite_version()) >= 5);
    CHECK(strcmp(tektite_last_error(), "") == 0);
    CHECK_FAILS(tektite_model_load(NULL, &model), INVALID, "path is NULL");
    CHECK(model == NULL);
    CHECK_FAILS(tektite_model_load("x", NULL), INVALID, "model is NULL");
    CHECK_FAILS(tektite_model_load("no/such/file.mlip", &model), NOT_FOUND, "no/such/file.mlip");
    CHECK_FAILS(tektite_model_load(TEKTITE_SOURCE_DIR "/README.md", &model), DAMAGED, "neither a .mlip nor a .yace");
    CHECK_FAILS(tektite_model_check(NULL, TEKTITE_DOUBLE, &n, &e, &f, &passed), INVALID, "model is NULL");
    CHECK_FAILS(tektite_evaluator_create(NULL, TEKTITE_DOUBLE, 1, &evaluator), INVALID, "model is NULL");
    CHECK(evaluator == NULL);
    CHECK_FAILS(tektite_evaluate(NULL, &cluster, &results), INVALID, "evaluator is NULL");
    CHECK(strcmp(tektite_model_family(NULL), "") == 0);
    CHECK(strcmp(tektite_model_metadata(NULL), "{}") == 0);
    CHECK(tektite_model_n_elements(NULL) == 0 && tektite_model_element(NULL, 0) == NULL);
    CHECK(tektite_model_cutoff(NULL) == 0 && tektite_model_isolated_energy(NULL, 0) == 0);
    CHECK(tektite_model_minimum_distance(NULL, 0, 0) == 0 && tektite_model_has_uncertainty(NULL) == 0);
    CHECK(strcmp(tektite_evaluator_description(NULL), "") == 0 && tektite_evaluator_memory(NULL) == 0);
    tektite_model_free(NULL);
    tektite_evaluator_free(NULL);
}

static void about_the_model(const tektite_model* model) {
    int n = 0, passed = 0;
    double energy_error = -1, force_error = -1;
    CHECK(strcmp(tektite_model_family(model), "sum") == 0);
    CHECK(tektite_model_cutoff(model) == 4.2);
    CHECK(tektite_model_n_elements(model) == 2);
    CHECK(strcmp(tektite_model_element(model, 0), "Si") == 0);
    CHECK(strcmp(tektite_model_element(model, 1), "O") == 0);
    CHECK(tektite_model_element(model, 2) == NULL && tektite_model_element(model, -1) == NULL);
    CHECK(tektite_model_isolated_energy(model, 0) == -1.25 &&
          tektite_model_isolated_energy(model, 1) == -0.5);
    CHECK(tektite_model_isolated_energy(model, 2) == 0);
    CHECK(tektite_model_minimum_distance(model, 0, 1) == 1.4 &&
          tektite_model_minimum_distance(model, 1, 1) == 0);
    CHECK(tektite_model_minimum_distance(model, 0, 2) == 0);
    CHECK(tektite_model_has_uncertainty(model) == 0);
    CHECK(strstr(tektite_model_metadata(model), "\"children\"") != NULL);
    CHECK(tektite_model_check(model, TEKTITE_DOUBLE, &n, &energy_error, &force_error, &passed) == 0);
    printf("stored and recomputed: %d structures, %.1e eV/atom, %.1e eV/A\n", n, energy_error, force_error);
    CHECK(n == 5 && passed == 1);
    CHECK(tektite_model_check(model, TEKTITE_MIXED, &n, &energy_error, &force_error, &passed) == 0);
    CHECK(n == 5 && passed == 1);
    CHECK_FAILS(tektite_model_check(model, 7, &n, &energy_error, &force_error, &passed), INVALID,
                "precision 7");
    CHECK_FAILS(tektite_model_check(model, TEKTITE_DOUBLE, NULL, &energy_error, &force_error, &passed),
                INVALID, "a result is NULL");
}

static void results_are_right(tektite_evaluator* evaluator) {
    tektite_cluster cluster = make_cluster();
    tektite_results results;
    double energy = 100, energies[N] = {0}, forces[N][3] = {{0}}, virial[9] = {0};
    double virials[N][9] = {{0}}, halved[N][6] = {{0}};
    const double h = 1e-5;
    int i, d;
    results.energy = &energy;
    results.atom_energies = energies;
    results.forces = &forces[0][0];
    results.virial = virial;
    results.atom_virials = &virials[0][0];
    results.atom_virials_halved = &halved[0][0];
    results.atom_uncertainties = NULL;
    CHECK(tektite_evaluate(evaluator, &cluster, &results) == 0);
    /* Everything is added to what is there. */
    CHECK(fabs(energy - 100 - energies[0] - energies[1] - energies[2]) < 1e-10);
    for (d = 0; d < 9; ++d) CHECK(fabs(virial[d] - virials[0][d] - virials[1][d] - virials[2][d]) < 1e-10);
    for (d = 0; d < 3; ++d) CHECK(fabs(virial[4 * d] - halved[0][d] - halved[1][d] - halved[2][d]) < 1e-10);
    for (d = 0; d < 3; ++d) CHECK(fabs(forces[0][d] + forces[1][d] + forces[2][d]) < 1e-10);
    for (i = 0; i < N; ++i) {
        for (d = 0; d < 3; ++d) {
            const double x = positions[i][d];
            double up, down;
            positions[i][d] = x + h;
            up = energy_of(evaluator);
            positions[i][d] = x - h;
            down = energy_of(evaluator);
            positions[i][d] = x;
            CHECK(fabs(forces[i][d] + (up - down) / (2 * h)) < 1e-6 * (1 + fabs(forces[i][d])));
        }
    }
    /* One centre of three: its energy alone. */
    cluster.n_centers = 1;
    cluster.centers = centers + 1;
    memset(&results, 0, sizeof results);
    results.energy = &energy;
    energy = 0;
    CHECK(tektite_evaluate(evaluator, &cluster, &results) == 0);
    CHECK(fabs(energy - energies[1]) < 1e-12 * (1 + fabs(energy)));
    /* No atoms at all. */
    memset(&cluster, 0, sizeof cluster);
    energy = 0;
    CHECK(tektite_evaluate(evaluator, &cluster, &results) == 0 && energy == 0);
}

static void bad_calls(tektite_evaluator* evaluator) {
    const tektite_cluster good = make_cluster();
    tektite_cluster cluster = good;
    tektite_results results;
    const int32_t* bad_rows[N] = {row_0, NULL, row_2};
    int32_t bad_counts[N] = {2, -1, 2}, bad_centers[N] = {0, 1, 3}, bad_species[N] = {0, 2, 0};
    double far_away[N][3] = {{0, 0, 0}, {NAN, 0, 0}, {1, 1, 1}};
    memset(&results, 0, sizeof results);
    CHECK_FAILS(tektite_evaluate(evaluator, NULL, &results), INVALID, "cluster is NULL");
    CHECK_FAILS(tektite_evaluate(evaluator, &good, NULL), INVALID, "results is NULL");
#define CHECK_REFUSED(field, value, text) \
    cluster = good;                       \
    cluster.field = value;                \
    CHECK_FAILS(tektite_evaluate(evaluator, &cluster, &results), INVALID, text)
    CHECK_REFUSED(n_atoms, -1, "n_atoms is negative");
    CHECK_REFUSED(n_atoms, INT64_MAX, "beyond 2^31");
    CHECK_REFUSED(n_centers, -1, "n_centers is negative");
    CHECK_REFUSED(n_centers, N + 1, "above n_atoms");
    CHECK_REFUSED(n_shifts, -1, "n_shifts is negative");
    CHECK_REFUSED(positions, NULL, "positions is NULL");
    CHECK_REFUSED(species, NULL, "species is NULL");
    CHECK_REFUSED(centers, NULL, "centers is NULL");
    CHECK_REFUSED(neighbor_rows, NULL, "neighbor_rows is NULL");
    CHECK_REFUSED(neighbor_counts, NULL, "neighbor_counts is NULL");
    CHECK_REFUSED(neighbor_rows, bad_rows, "neighbours of centre 1");
    CHECK_REFUSED(neighbor_counts, bad_counts, "neighbours of centre 1");
    CHECK_REFUSED(centers, bad_centers, "centre 3 is not among the 3 atoms");
    cluster = good;
    cluster.shift_rows = rows;
    cluster.n_shifts = 3;
    CHECK_FAILS(tektite_evaluate(evaluator, &cluster, &results), INVALID, "shift_vectors is NULL");
    cluster = good;
    cluster.species = bad_species;
    CHECK_FAILS(tektite_evaluate(evaluator, &cluster, &results), UNKNOWN_SPECIES, "species");
    cluster = good;
    cluster.positions = &far_away[0][0];
    CHECK(tektite_evaluate(evaluator, &cluster, &results) != 0);
    /* And it still works afterwards. */
    CHECK(isfinite(energy_of(evaluator)));
}

static tektite_open_cluster make_open_cluster(void) {
    tektite_open_cluster cluster;
    memset(&cluster, 0, sizeof cluster);
    cluster.n_atoms = N;
    cluster.positions = &positions[0][0];
    cluster.species = species;
    cluster.n_centers = N;
    cluster.skin = 0.3;
    cluster.list_number = 1;
    return cluster;
}

/* TEKTITE_CUDA_LIBRARY names a double of the device library (device_double.cpp). */
static void on_a_device(const char* path, tektite_evaluator* cpu) {
    tektite_device_options options = {1, 1, 0};
    tektite_model* model = NULL;
    tektite_evaluator* evaluator = NULL;
    tektite_open_cluster cluster = make_open_cluster();
    tektite_results results;
    double energy = 0, energy_error, force_error, distances[4];
    const double factors[N] = {-0.5, -0.5, -0.5};
    int32_t closest[4];
    int64_t beyond = 0;
    char name[64];
    int count = 0, n = 0, passed = 0;
    memset(&results, 0, sizeof results);
    results.energy = &energy;
    CHECK_FAILS(tektite_device_count(NULL), INVALID, "count is NULL");
    CHECK(tektite_device_count(&count) == 0 && count == 2);
    CHECK_FAILS(tektite_device_name(0, NULL, 9), INVALID, "no room");
    CHECK_FAILS(tektite_device_name(2, name, sizeof name), INVALID, "no device of this number");
    CHECK(tektite_device_name(1, name, sizeof name) == 0 && strstr(name, "device 1") != NULL);
    CHECK(tektite_device_name(1, name, 4) == 0 && strlen(name) == 3);
    CHECK_FAILS(tektite_model_load_on_device(NULL, NULL, &model), INVALID, "path is NULL");
    CHECK_FAILS(tektite_model_load_on_device(path, NULL, NULL), INVALID, "model is NULL");
    options.deterministic = 2;
    CHECK_FAILS(tektite_model_load_on_device(path, &options, &model), INVALID, "neither 0 nor 1");
    options.deterministic = 1;
    options.device = 5;
    CHECK_FAILS(tektite_model_load_on_device(path, &options, &model), UNSUPPORTED, "no device 5");
    CHECK(model == NULL);
    CHECK_FAILS(tektite_evaluate_open(NULL, &cluster, &results), INVALID, "evaluator is NULL");
    CHECK_FAILS(tektite_evaluate_open(cpu, &cluster, &results), UNSUPPORTED, "not on a device");
    options.device = 1;
    CHECK(tektite_model_load_on_device(path, &options, &model) == 0);
    if (model == NULL) return;
    CHECK(tektite_model_cutoff(model) == 4.2);
    CHECK(tektite_model_check(model, TEKTITE_DOUBLE, &n, &energy_error, &force_error, &passed) == 0);
    CHECK(n == 5 && passed == 1);
    CHECK(tektite_evaluator_create(model, TEKTITE_DOUBLE, 1, &evaluator) == 0);
    CHECK(strstr(tektite_evaluator_description(evaluator), "device 1, double, deterministic") != NULL);
    CHECK(tektite_evaluate_open(evaluator, &cluster, &results) == 0);
    CHECK(fabs(energy - energy_of(cpu)) < 1e-10 && fabs(energy_of(evaluator) - energy) < 1e-10);
    CHECK(strstr(tektite_evaluator_description(evaluator), "3 centres") != NULL);
    CHECK(tektite_evaluator_memory(evaluator) > 0);
    CHECK(tektite_closest_pairs(evaluator, distances, closest) == 0);
    CHECK(fabs(distances[1] - sqrt(1.7 * 1.7 + 0.3 * 0.3)) < 1e-6 && closest[1] == 0 && closest[2] == 1);
    CHECK(isinf(distances[3]) && closest[3] == -1);
    CHECK_FAILS(tektite_closest_pairs(evaluator, NULL, closest), INVALID, "a result is NULL");
    CHECK_FAILS(tektite_closest_pairs(NULL, distances, closest), INVALID, "evaluator is NULL");
    CHECK_FAILS(tektite_closest_pairs(cpu, distances, closest), UNSUPPORTED, "not on a device");
    CHECK(tektite_atom_beyond_skin(evaluator, &beyond) == 0 && beyond == -1);
    CHECK_FAILS(tektite_atom_beyond_skin(evaluator, NULL), INVALID, "an argument is NULL");
    CHECK_FAILS(tektite_atom_beyond_skin(cpu, &beyond), UNSUPPORTED, "not on a device");
    cluster.center_factors = factors;
    energy = 0;
    CHECK(tektite_evaluate_open(evaluator, &cluster, &results) == 0);
    CHECK(fabs(energy + 0.5 * energy_of(cpu)) < 1e-10);
    CHECK_FAILS(tektite_evaluate_open(evaluator, NULL, &results), INVALID, "cluster is NULL");
    CHECK_FAILS(tektite_evaluate_open(evaluator, &cluster, NULL), INVALID, "results is NULL");
#define CHECK_OPEN_REFUSED(field, value, text) \
    cluster = make_open_cluster();             \
    cluster.field = value;                     \
    CHECK_FAILS(tektite_evaluate_open(evaluator, &cluster, &results), INVALID, text)
    CHECK_OPEN_REFUSED(n_atoms, -1, "n_atoms is negative");
    CHECK_OPEN_REFUSED(n_centers, N + 1, "above n_atoms");
    CHECK_OPEN_REFUSED(positions, NULL, "positions is NULL");
    CHECK_OPEN_REFUSED(species, NULL, "species is NULL");
    CHECK_OPEN_REFUSED(periodic[1], 2, "periodic must hold 0 and 1");
    tektite_evaluator_free(evaluator);
    tektite_model_free(model);
}

int main(void) {
    const char* path = TEKTITE_SOURCE_DIR "/tests/data/format_v1.mlip";
    tektite_model* model = NULL;
    tektite_evaluator *evaluator = NULL, *mixed = NULL;
    nothing_loaded();
    if (tektite_model_load(path, &model) != 0) {
        printf("%s\n", tektite_last_error());
        return 1;
    }
    about_the_model(model);
    CHECK_FAILS(tektite_evaluator_create(model, 9, 1, &evaluator), INVALID, "precision 9");
    CHECK_FAILS(tektite_evaluator_create(model, TEKTITE_DOUBLE, 0, &evaluator), INVALID,
                "number of threads is 0");
    CHECK_FAILS(tektite_evaluator_create(model, TEKTITE_DOUBLE, 1, NULL), INVALID, "evaluator is NULL");
    CHECK(tektite_evaluator_create(model, TEKTITE_DOUBLE, 1, &evaluator) == 0);
    CHECK(tektite_evaluator_create(model, TEKTITE_MIXED, 2, &mixed) == 0);
    if (evaluator != NULL && mixed != NULL) {
        printf("%s\n", tektite_evaluator_description(evaluator));
        CHECK(strstr(tektite_evaluator_description(evaluator), "double") != NULL);
        CHECK(strstr(tektite_evaluator_description(mixed), "mixed") != NULL);
        CHECK(tektite_evaluator_memory(evaluator) > 0);
        results_are_right(evaluator);
        bad_calls(evaluator);
        on_a_device(path, evaluator);
        CHECK(fabs(energy_of(mixed) - energy_of(evaluator)) < 1e-4 * (1 + fabs(energy_of(evaluator))));
    }
    tektite_evaluator_free(evaluator);
    tektite_evaluator_free(mixed);
    tektite_model_free(model);
    printf("%d checks, %d failed\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
