/* SPDX-License-Identifier: Apache-2.0
 * docs/vmx-entry-checks.md from the tables of rules.
 */
#ifndef VTSIM_SIM_CLI_ENTRY_CHECKS_H
#define VTSIM_SIM_CLI_ENTRY_CHECKS_H

/* Print the page. */
void print_entry_checks(void);

#endif
