# An SPDX 2.3 document: the store paths that the image holds, and the crates that its programs were built from.
# In: $registration (closureInfo's: path, hash of the contents, size, deriver, number of references, references), $crates.

def id: gsub("[^A-Za-z0-9.-]"; "-") | "SPDXRef-\(.)";

# Blocks of lines, each: path, hash, size, deriver, count, that many references.
def blocks:
  def take: if length < 5 then empty else
    (.[4] | tonumber) as $count
    | {path: .[0], hash: .[1], size: (.[2] | tonumber), references: .[5:5 + $count]}, (.[5 + $count:] | take)
  end;
  split("\n") | take;

def stem: split("/")[3][33:];
def purl: "pkg:cargo/\(.name)@\(.version)";

[$registration | blocks] as $paths
| ($paths | map({key: .path, value: .}) | from_entries) as $known
| ($crates[0] // []) as $crates
| {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "\($name)-\($version)",
    # No time and no random number: the same image has the same document.
    documentNamespace: "https://spdx.org/spdxdocs/\($name)-\($version)-\($revision)",
    creationInfo: {created: "1970-01-01T00:00:01Z", creators: ["Tool: dragoman-sbom"]},
    packages: (
      [{
        SPDXID: "SPDXRef-image",
        name: $name,
        versionInfo: $version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        primaryPackagePurpose: "CONTAINER"
      }]
      + [$paths[] | (.path | stem) as $stem | ($stem | capture("^(?<name>.+?)-(?<version>[0-9].*)$") // {name: $stem}) as $is | {
          SPDXID: ("store-\(.path | split("/")[3])" | id),
          name: $is.name,
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          comment: .path,
          annotations: [{
            annotationDate: "1970-01-01T00:00:01Z",
            annotationType: "OTHER",
            annotator: "Tool: dragoman-sbom",
            comment: "NAR hash \(.hash), \(.size) bytes"
          }]
        } + (if $is.version then {versionInfo: $is.version} else {} end)]
      + [$crates[] | {
          SPDXID: ("crate-\(.name)-\(.version)" | id),
          name: .name,
          versionInfo: .version,
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl}]
        } + (if .checksum then {checksums: [{algorithm: "SHA256", checksumValue: .checksum}]} else {} end)]
    ),
    relationships: (
      [{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-image"}]
      + [$paths[] | {
          spdxElementId: "SPDXRef-image",
          relationshipType: "CONTAINS",
          relatedSpdxElement: ("store-\(.path | split("/")[3])" | id)
        }]
      + [$paths[] | .path as $path | .references[] | select(. != $path and $known[.]) | {
          spdxElementId: ("store-\($path | split("/")[3])" | id),
          relationshipType: "DEPENDS_ON",
          relatedSpdxElement: ("store-\(split("/")[3])" | id)
        }]
      + [$crates[] | {
          spdxElementId: ("crate-\(.name)-\(.version)" | id),
          relationshipType: "BUILD_DEPENDENCY_OF",
          relatedSpdxElement: "SPDXRef-image"
        }]
    )
  }
