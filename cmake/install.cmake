# SPDX-License-Identifier: Apache-2.0
# cmake --install puts the program, the guest kernel it needs, the header for
# guest programs and the documentation in place; cpack makes a .deb of them.
include(GNUInstallDirs)

install(TARGETS vtsim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Built by workloads/; optional so that a partial build can be installed.
install(FILES ${CMAKE_BINARY_DIR}/pk.elf ${CMAKE_BINARY_DIR}/microhv.elf
        DESTINATION lib/vtsim OPTIONAL)
install(FILES ${CMAKE_SOURCE_DIR}/workloads/include/vtsim_roi.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/
        DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vtsim)
set(CPACK_PACKAGE_VENDOR vtsim)
set(CPACK_PACKAGE_CONTACT "vtsim maintainers <vtsim@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_STRIP_FILES ON)
include(CPack)
