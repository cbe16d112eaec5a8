# SPDX-License-Identifier: Apache-2.0
"""The sub-tests of vmx.flat and the other images, by name, with what each is
given besides the common machine and why one is known not to pass.

Nothing of the test project is here but names.
"""

# group: (title, sub-tests of vmx.flat as --append takes them)
GROUPS = {
    "A": ("VMX operation", """
        test_vmx_feature_control test_vmxon test_vmptrld test_vmclear
        test_vmptrst test_vmwrite_vmread test_vmcs_high test_vmcs_lifecycle
        test_vmx_caps test_vmread_flags_touch test_vmwrite_flags_touch"""),
    "B": ("Entry and exit", """
        null vmenter vmmcall v2_null_test v2_multiple_entries_test
        fixture_test_case1 fixture_test_case2"""),
    "C": ("Controls at work", """
        control_field_PAT control_field_EFER CR_shadowing I/O_bitmap
        instruction_intercept debug_controls MSR_switch disable_RDTSCP
        exit_monitor_from_l2_test invalid_msr"""),
    "D": ("Checks of VM entry", """
        vmx_controls_test vmx_host_state_area_test vmx_guest_state_area_test
        vmentry_movss_shadow_test vmentry_unrestricted_guest_test
        vmx_ldtr_test vmx_cr_load_test vmx_cr4_osxsave_test vmx_no_nm_test
        vmx_canonical_test vmx_cet_test"""),
    "E": ("Events and activity states", """
        interrupt nmi_hlt vmx_init_signal_test vmx_sipi_signal_test
        vmx_db_test vmx_nmi_window_test vmx_intr_window_test
        vmx_pending_event_test vmx_pending_event_hlt_test
        vmx_exception_test"""),
    "F": ("VMX-preemption timer", """
        preemption_timer vmx_preemption_timer_zero_test
        vmx_preemption_timer_tf_test vmx_preemption_timer_expiry_test"""),
    "G": ("EPT and INVEPT", """
        EPT_A/D_disabled EPT_A/D_enabled ept_access_test_not_present
        ept_access_test_read_only ept_access_test_write_only
        ept_access_test_read_write ept_access_test_execute_only
        ept_access_test_execute_user_only ept_access_test_execute_both
        ept_access_test_read_execute ept_access_test_read_execute_user_only
        ept_access_test_read_execute_both ept_access_test_write_execute
        ept_access_test_read_write_execute
        ept_access_test_read_write_execute_user_only
        ept_access_test_read_write_execute_both
        ept_access_test_reserved_bits ept_access_test_ignored_bits
        ept_access_test_paddr_not_present_ad_disabled
        ept_access_test_paddr_not_present_ad_enabled
        ept_access_test_paddr_read_only_ad_disabled
        ept_access_test_paddr_read_only_ad_enabled
        ept_access_test_paddr_read_write
        ept_access_test_paddr_read_write_execute
        ept_access_test_paddr_read_execute_ad_disabled
        ept_access_test_paddr_read_execute_ad_enabled
        ept_access_test_paddr_not_present_page_fault
        ept_access_test_force_2m_page"""),
    "H": ("Page-modification logging", "PML"),
    "I": ("VPID and INVVPID", """
        invvpid_test vmx_pf_no_vpid_test vmx_pf_invvpid_test
        vmx_pf_vpid_test"""),
    "J": ("Paging modes of a guest", """
        vmx_pae_test vmx_pse_test vmx_pf_exception_test
        vmx_pf_exception_forced_emulation_test"""),
    "K": ("APIC virtualization", """
        vmx_eoi_bitmap_ioapic_scan_test vmx_hlt_with_rvi_test
        apic_reg_virt_test virt_x2apic_mode_test vmx_basic_vid_test
        vmx_eoi_virt_test vmx_posted_interrupts_test"""),
    "L": ("APIC pass-through", """
        vmx_apic_passthrough_test vmx_apic_passthrough_thread_test
        vmx_apic_passthrough_tpr_threshold_test"""),
    "M": ("VMCS shadowing", "vmx_vmcs_shadow_test"),
    "N": ("TSC and MSR lists", """
        vmx_store_tsc_test atomic_switch_max_msrs_test
        atomic_switch_overflow_msrs_test rdtsc_vmexit_diff_test"""),
    "O": ("Monitor trap flag", "vmx_mtf_test vmx_mtf_pdpte_test"),
}

# Options of `vtsim run` that a sub-test needs besides the common ones.
SLOW = ["--timing", "simple"]
TWO = ["--cores", "2"]
OPTIONS = {
    # Firmware has not locked the register: the test does.
    "test_vmx_feature_control": ["--set", "core.vtx.feature_control=0"],
    # Expects an exit and entry to last longer than one tick of the timer.
    "preemption_timer": SLOW,
    # 500 million ticks of the timer: at the rate of the TSC they end.
    "vmx_preemption_timer_tf_test": SLOW + ["--set",
                                            "core.vtx.timer_shift=0"],
    # Ten times as many cases with protection keys; the project leaves them
    # out, too, but for the first.
    "vmx_pf_exception_test": ["--set", "core.pku=off"],
    "vmx_pf_no_vpid_test": ["--set", "core.pku=off"],
    "vmx_pf_invvpid_test": ["--set", "core.pku=off"],
    "vmx_pf_vpid_test": ["--set", "core.pku=off"],
    "nmi_hlt": TWO,
    "vmx_init_signal_test": TWO,
    "vmx_sipi_signal_test": TWO,
    "vmx_eoi_bitmap_ioapic_scan_test": TWO,
    "vmx_posted_interrupts_test": TWO,
    "vmx_apic_passthrough_thread_test": TWO,
}

# Why one does not pass, from the test's own source and the run's output.
WHY = {
    "vmx_cet_test": "needs control-flow enforcement (CET), which Skylake "
                    "servers do not have and is not modelled",
    "vmx_pf_exception_forced_emulation_test":
        "needs forced emulation, an interface of one hypervisor",
    "atomic_switch_overflow_msrs_test":
        "needs one hypervisor: lists longer than IA32_VMX_MISC recommends "
        "are undefined on processors",
    "vmx_apic_passthrough_test": "needs the test device and an I/O APIC",
    "vmx_apic_passthrough_thread_test":
        "needs the test device and an I/O APIC",
    "vmx_db_test": "every check holds; two of them the test itself declares "
                   "to be expected failures, so holding counts as failure",
    "pks": "Skylake servers have no supervisor protection keys",
    "tsx-ctrl": "transactional memory is not modelled",
    "cet": "control-flow enforcement is not modelled",
    "lam": "reads the test device's memory at FF000000h",
    "emulator": "reads the test device's memory at FF000000h",
    "hypercall": "VMCALL to one hypervisor; #UD outside VMX operation is "
                 "right",
    "realmode": "waits in HLT for the BIOS's timer tick; there is no BIOS",
    "s3": "sleeps in S3 and wants firmware to resume it",
}

# The other images: entry, file, command line, options. Those that need what
# is not here, a paravirtual interface or another vendor's features are named
# in LEFT_OUT.
OTHERS = [
    # Their counts of the timer are compared while an access takes time.
    ("xapic", "apic", "", ["--set", "core.x2apic=off"] + SLOW),
    ("x2apic", "apic", "", SLOW),
    ("x2apic-smp", "apic", "", SLOW + TWO),
    ("smptest", "smptest", "", TWO),
    ("smptest3", "smptest", "", ["--cores", "3"]),
    ("vmexit_ipi", "vmexit", "ipi", SLOW + TWO),
    ("vmexit_ipi_halt", "vmexit", "ipi_halt", SLOW + TWO),
    ("vmexit_cpuid", "vmexit", "cpuid", SLOW),
    ("vmexit_mov_from_cr8", "vmexit", "mov_from_cr8", SLOW),
    ("vmexit_mov_to_cr8", "vmexit", "mov_to_cr8", SLOW),
    ("vmexit_inl_pmtimer", "vmexit", "inl_from_pmtimer", SLOW),
    ("vmexit_tscdeadline", "vmexit", "tscdeadline", SLOW),
    ("vmexit_tscdeadline_immed", "vmexit", "tscdeadline_immed", SLOW),
    ("vmexit_cr0_wp", "vmexit", "toggle_cr0_wp", SLOW),
    ("vmexit_cr4_pge", "vmexit", "toggle_cr4_pge", SLOW),
    ("access", "access_test", "", []),
    ("smap", "smap", "", []),
    ("pku", "pku", "", ["--set", "core.pku=on"]),
    ("pks", "pks", "", []),
    ("emulator", "emulator", "", []),
    ("eventinj", "eventinj", "", []),
    ("hypercall", "hypercall", "", []),
    ("idt_test", "idt_test", "", []),
    ("memory", "memory", "", ["--set", "core.clwb=on"]),
    ("msr", "msr", "", []),
    ("realmode", "realmode", "", []),
    ("s3", "s3", "", SLOW),
    ("setjmp", "setjmp", "", []),
    ("sieve", "sieve", "", []),
    ("syscall", "syscall", "", []),
    ("tsc", "tsc", "", []),
    ("tsc_adjust", "tsc_adjust", "", []),
    ("xsave", "xsave", "", []),
    ("rmap_chain", "rmap_chain", "", []),
    ("pcid-enabled", "pcid", "", []),
    ("pcid-disabled", "pcid", "",
     ["--set", "core.pcid=off", "--set", "core.invpcid=off"]),
    ("rdpru", "rdpru", "", []),
    ("umip", "umip", "", ["--set", "core.umip=on"]),
    ("la57", "la57", "", ["--set", "core.linear_bits=57"]),
    ("debug", "debug", "", []),
    ("tsx-ctrl", "tsx-ctrl", "", []),
    ("cet", "cet", "", []),
    ("lam", "lam", "", []),
]

LEFT_OUT = {
    "ioapic": "no I/O APIC yet",
    "vmexit_vmcall kvmclock_test asyncpf hyperv_* vmware_backdoors":
        "interfaces of one hypervisor",
    "access_fep": "forced emulation, an interface of one hypervisor",
    "svm*": "AMD's virtualization",
    "pmu*": "run only with one hypervisor",
    "intel_iommu": "no IOMMU yet",
    "cmpxchg8b taskswitch taskswitch2": "built for 32 bits only",
    "pcid-asymmetric": "INVPCID without PCID, which no processor has",
}


def vmx_subtests():
    """[(group, name)] in the order of the groups."""
    return [(key, name) for key, (_, names) in GROUPS.items()
            for name in names.split()]
