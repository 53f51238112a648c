/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls the engine through its C ABI on one cluster from a file and prints what a call takes:
 *
 *     driver MODEL double|mixed THREADS CLUSTER CALLS
 *
 * CLUSTER holds, in the byte order of the machine: int64 n_atoms, n_edges, n_shifts; double positions[n_atoms][3],
 * shift_vectors[n_shifts][3]; int32 species[n_atoms], counts[n_atoms], neighbors[n_edges], shifts[n_edges].
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tektite/tektite.h"

static void stop(const char* what, const char* why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void* read_array(FILE* file, int64_t n, size_t size) {
    void* array = malloc((size_t)n * size + 1);
    if (array == NULL || fread(array, size, (size_t)n, file) != (size_t)n) stop("the cluster", "too short");
    return array;
}

static double microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int compare(const void* a, const void* b) {
    const double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

int main(int argc, char** argv) {
    if (argc != 6) stop(argv[0], "MODEL double|mixed THREADS CLUSTER CALLS");
    FILE* file = fopen(argv[4], "rb");
    if (file == NULL) stop(argv[4], "cannot be read");
    int64_t* sizes = read_array(file, 3, sizeof(int64_t));
    const int64_t n = sizes[0], n_edges = sizes[1], n_shifts = sizes[2];
    double* positions = read_array(file, 3 * n, sizeof(double));
    double* shift_vectors = read_array(file, 3 * n_shifts, sizeof(double));
    int32_t* species = read_array(file, n, sizeof(int32_t));
    int32_t* counts = read_array(file, n, sizeof(int32_t));
    int32_t* neighbors = read_array(file, n_edges, sizeof(int32_t));
    int32_t* shifts = read_array(file, n_edges, sizeof(int32_t));
    fclose(file);

    const int32_t** neighbor_rows = malloc(((size_t)n + 1) * sizeof *neighbor_rows);
    const int32_t** shift_rows = malloc(((size_t)n + 1) * sizeof *shift_rows);
    int32_t* centers = malloc(((size_t)n + 1) * sizeof *centers);
    double* forces = malloc((3 * (size_t)n + 1) * sizeof *forces);
    const int n_calls = atoi(argv[5]);
    double* times = malloc(((size_t)n_calls + 1) * sizeof *times);
    if (!neighbor_rows || !shift_rows || !centers || !forces || !times) stop("the cluster", "no memory");
    int64_t first = 0;
    for (int64_t i = 0; i < n; first += counts[i++]) {
        neighbor_rows[i] = neighbors + first;
        shift_rows[i] = shifts + first;
        centers[i] = (int32_t)i;
    }

    tektite_model* model;
    tektite_evaluator* evaluator;
    const int precision = strcmp(argv[2], "mixed") == 0 ? TEKTITE_MIXED : TEKTITE_DOUBLE;
    if (tektite_model_load(argv[1], &model) != 0) stop(argv[1], tektite_last_error());
    if (tektite_evaluator_create(model, precision, atoi(argv[3]), &evaluator) != 0)
        stop(argv[1], tektite_last_error());

    tektite_cluster cluster = {0};
    cluster.n_atoms = n;
    cluster.positions = positions;
    cluster.species = species;
    cluster.n_centers = n;
    cluster.centers = centers;
    cluster.neighbor_rows = neighbor_rows;
    cluster.neighbor_counts = counts;
    cluster.neighbor_mask = -1;
    cluster.shift_rows = shift_rows;
    cluster.n_shifts = n_shifts;
    cluster.shift_vectors = shift_vectors;
    double energy = 0.0, virial[9];
    for (int k = 0; k < n_calls; ++k) {
        const double start = microseconds();
        energy = 0.0;
        memset(forces, 0, 3 * (size_t)n * sizeof *forces);
        memset(virial, 0, sizeof virial);
        tektite_results results = {0};
        results.energy = &energy;
        results.forces = forces;
        results.virial = virial;
        if (tektite_evaluate(evaluator, &cluster, &results) != 0) stop("evaluation", tektite_last_error());
        times[k] = microseconds() - start;
    }
    qsort(times, (size_t)n_calls, sizeof *times, compare);
    printf("{\"description\": \"%s\", \"energy\": %.17g, \"median\": %.4f, \"min\": %.4f, \"p90\": %.4f}\n",
           tektite_evaluator_description(evaluator), energy, times[n_calls / 2], times[0],
           times[n_calls * 9 / 10]);
    tektite_evaluator_free(evaluator);
    tektite_model_free(model);
    return 0;
}
