// Package oci is the built-in image registry. It speaks the OCI distribution
// protocol under /v2/, so that docker, skopeo and crane push and pull, and lets
// drivers read the images that it holds.
//
// What it keeps, all of it in the blob store:
//
//	oci/blobs/HEX            layers and configurations, by the SHA-256 of their content
//	oci/manifests/HEX        manifests and indexes, the same; written after all that they name
//	oci/tags/REPOSITORY/TAG  the digest that the tag names
//
// What nothing refers to is removed by [Images.Sweep], a day after somebody was
// told last that it is here.
//
// Content is shared by all repositories. A repository is a name for tags, and
// what a token is allowed to push to.
package oci
