/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * C ABI of the Tektite engine (C11). Units: eV, angstrom. No exception crosses it: functions that can fail
 * return a status, 0 being success, and tektite_last_error() then tells the calling thread why.
 * Handles belong to the caller and are freed with the matching _free function (NULL is allowed).
 */
#ifndef TEKTITE_H
#define TEKTITE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define TEKTITE_API __declspec(dllexport)
#else
#define TEKTITE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a struct or a function below is added or changes meaning. A host compares it with
 * tektite_abi_version() of the library that it found and refuses another one. */
#define TEKTITE_ABI_VERSION 3

typedef struct tektite_model tektite_model;
typedef struct tektite_evaluator tektite_evaluator;

typedef int tektite_status; /* 0, or a value of tektite::ErrorCode */

enum { TEKTITE_DOUBLE = 0, TEKTITE_MIXED = 1 };

/* See tektite::Cluster. */
typedef struct {
    int64_t n_atoms;
    const double* positions; /* [n_atoms][3] */
    const int32_t* species;  /* [n_atoms], < 0: unseen */
    int64_t n_centers;
    const int32_t* centers;              /* [n_centers] */
    const int32_t* const* neighbor_rows; /* [n_atoms] */
    const int32_t* neighbor_counts;      /* [n_atoms] */
    int32_t neighbor_mask;
    const int32_t* const* shift_rows; /* [n_atoms] or NULL */
    int64_t n_shifts;
    const double* shift_vectors; /* [n_shifts][3] or NULL */
} tektite_cluster;

/* See tektite::Results. NULL: not wanted. Everything is added. */
typedef struct {
    double* energy;              /* [1] */
    double* atom_energies;       /* [n_atoms] */
    double* forces;              /* [n_atoms][3] */
    double* virial;              /* [9] */
    double* atom_virials;        /* [n_atoms][9] */
    double* atom_virials_halved; /* [n_atoms][6] */
    double* atom_uncertainties;  /* [n_atoms] */
} tektite_results;

/* See tektite::OpenCluster: atoms without edges, for models on a device. */
typedef struct {
    int64_t n_atoms;
    const double* positions; /* [n_atoms][3] */
    const int32_t* species;  /* [n_atoms], < 0: unseen */
    int64_t n_centers;       /* the atoms 0 .. n_centers - 1 */
    double cell[9];          /* rows are lattice vectors */
    int32_t periodic[3];     /* 0 or 1 */
    double skin;
    int64_t list_number; /* 0: the device decides when the list is made anew; else when the number changes */
    const double* center_factors; /* [n_centers], or NULL: 1 each */
} tektite_open_cluster;

/* See tektite::DeviceOptions. */
typedef struct {
    int32_t device;
    int32_t deterministic; /* 0 or 1 */
    int64_t scratch_bytes; /* 0: automatic */
} tektite_device_options;

TEKTITE_API int tektite_abi_version(void);
TEKTITE_API const char* tektite_version(void);
/* Message of the last failure in this thread; "" if there was none. Valid until the next call. */
TEKTITE_API const char* tektite_last_error(void);

/* Loads a .mlip or .yace file. */
TEKTITE_API tektite_status tektite_model_load(const char* path, tektite_model** model);
TEKTITE_API void tektite_model_free(tektite_model* model);
TEKTITE_API const char* tektite_model_family(const tektite_model* model);
TEKTITE_API double tektite_model_cutoff(const tektite_model* model);
TEKTITE_API int tektite_model_n_elements(const tektite_model* model);
/* Chemical symbol, or NULL if i is out of range. */
TEKTITE_API const char* tektite_model_element(const tektite_model* model, int i);
TEKTITE_API double tektite_model_isolated_energy(const tektite_model* model, int i);
/* Smallest distance of the pair in the training data, angstrom; 0 if unknown. */
TEKTITE_API double tektite_model_minimum_distance(const tektite_model* model, int i, int j);
TEKTITE_API int tektite_model_has_uncertainty(const tektite_model* model);
/* JSON text of the file's metadata. */
TEKTITE_API const char* tektite_model_metadata(const tektite_model* model);

/* Recomputes the reference structures of the file. *n_structures may be 0 (nothing to check). Returns success
 * also when the deviations are too large: then *passed is 0. */
TEKTITE_API tektite_status tektite_model_check(const tektite_model* model, int precision, int* n_structures,
                                               double* energy_error, double* force_error, int* passed);

/* Devices (GPUs) that can be used. Fails with `unsupported`, saying why there is none: no device library, no
 * driver, no card. */
TEKTITE_API tektite_status tektite_device_count(int* count);
/* "NVIDIA H200, sm_90, 132 multiprocessors, device 0"; at most `size` bytes with the final zero. */
TEKTITE_API tektite_status tektite_device_name(int device, char* name, size_t size);
/* Loads a model for a device: everything below works with it, there (n_threads means nothing). Fails with
 * `unsupported` like tektite_device_count, and if the device side lacks a part of the model. options: NULL for
 * device 0 and defaults. */
TEKTITE_API tektite_status tektite_model_load_on_device(const char* path, const tektite_device_options* options,
                                                        tektite_model** model);

/* An evaluator keeps the memory of evaluations. One thread uses it at a time. The model must outlive it. */
TEKTITE_API tektite_status tektite_evaluator_create(const tektite_model* model, int precision, int n_threads,
                                                    tektite_evaluator** evaluator);
TEKTITE_API void tektite_evaluator_free(tektite_evaluator* evaluator);
/* "AVX-512, 8 lanes, double, 1 thread"; on a device: its name, the precision, and how many centres were
 * computed in how many chunks at the last evaluation. Valid until the next call with this evaluator. */
TEKTITE_API const char* tektite_evaluator_description(tektite_evaluator* evaluator);
TEKTITE_API size_t tektite_evaluator_memory(const tektite_evaluator* evaluator);
TEKTITE_API tektite_status tektite_evaluate(tektite_evaluator* evaluator, const tektite_cluster* cluster,
                                            const tektite_results* results);
/* The device finds the neighbours. Fails with `unsupported` if the model is not on a device; with
 * `out_of_memory` saying how many atoms would fit. */
TEKTITE_API tektite_status tektite_evaluate_open(tektite_evaluator* evaluator,
                                                 const tektite_open_cluster* cluster,
                                                 const tektite_results* results);
/* See tektite::DevicePotential::closest_pairs: distances and centers, [n_elements][n_elements] each, of the last
 * tektite_evaluate_open. */
TEKTITE_API tektite_status tektite_closest_pairs(tektite_evaluator* evaluator, double* distances,
                                                 int32_t* centers);
/* See tektite::DevicePotential::atom_beyond_skin, of the last tektite_evaluate_open. */
TEKTITE_API tektite_status tektite_atom_beyond_skin(tektite_evaluator* evaluator, int64_t* atom);

#ifdef __cplusplus
}
#endif

#endif
