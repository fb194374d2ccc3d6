<#
.SYNOPSIS
Installs Claude Token Saver for the current user, without administrator rights.
This script was not tested on Windows yet.

.DESCRIPTION
  powershell -ExecutionPolicy Bypass -File install.ps1 [-From SOURCE] [-Yes]   install; SOURCE is a checkout, a wheel
                                                                               or a source archive
  powershell -ExecutionPolicy Bypass -File install.ps1 -Uninstall [-Yes]       remove the app, its data and everything
                                                                               that this script installed

Environment variables:
  UV_DOWNLOAD_URL   the folder with uv's release archives (default: the release on GitHub)
  UV_CACHE_DIR      a cache to use instead of one that is removed after the installation
  XDG_BIN_HOME      the commands are installed here (default: .local\bin in your user folder)
#>
param(
  [string]$From = '',
  [switch]$Uninstall,
  [switch]$Yes
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue' # the progress bar of Windows PowerShell slows downloads down

$Package = 'claude-token-saver-app'
$UvVersion = '0.13.9'
$Commands = 'token-saver', 'token-saver-mcp', $Package
$Prefix = Join-Path $env:LOCALAPPDATA 'token-saver-install'
$Bin = if ($env:XDG_BIN_HOME) { $env:XDG_BIN_HOME } else { Join-Path $env:USERPROFILE '.local\bin' }

function Main {
  Write-Output 'install.ps1 was not tested on Windows yet. Please report what does not work.'
  if ($Uninstall) { Remove-App } else { Install-App }
}

function Install-App {
  $python = Find-Python
  if (-not $python) {
    Stop-Script 'Python 3.11 or later is missing. Install it first, such as: winget install Python.Python.3.13'
  }
  $source = if ($From) { $From } else { Get-OwnCheckout }
  $uv = Find-Uv
  Write-Output "This installs Claude Token Saver for ${env:USERNAME}:"
  if (-not $uv) { Write-Output "  uv $UvVersion      $Prefix\uv.exe (for this app alone)" }
  Write-Output "  the app        $Prefix\tools, about 310 MB, from $source"
  Write-Output "  its commands   ${Bin}: $($Commands -join ', ')"
  Write-Output 'Nothing else changes. To remove all of it: install.ps1 -Uninstall'
  if (-not (Confirm-Step 'Install?')) { exit 1 }
  $isNew = -not (Test-Path -LiteralPath $Prefix)
  try {
    New-Item -ItemType Directory -Force -Path $Prefix, $Bin | Out-Null
    if (-not $uv) { $uv = Save-Uv $python }
    Invoke-Uv $uv tool install --quiet --force --no-python-downloads --python $python $source
    if ($LASTEXITCODE -ne 0) {
      Stop-Script 'The app could not be installed; the reason is above. Run this script again when it is gone.'
    }
    $isNew = $false
  } finally {
    # A failed first installation leaves nothing behind.
    if ($isNew) { Remove-Item -Recurse -Force -ErrorAction SilentlyContinue -LiteralPath $Prefix }
  }
  Remove-Item -Recurse -Force -ErrorAction SilentlyContinue -LiteralPath (Join-Path $Prefix 'cache')
  & (Join-Path $Bin 'token-saver.exe') --version
  Show-FirstSteps
}

function Show-FirstSteps {
  $command = 'token-saver'
  if (($env:PATH -split ';') -notcontains $Bin) {
    $command = Join-Path $Bin 'token-saver.exe'
    Write-Output "$Bin is not on your PATH; add it, or type the whole path."
  }
  Write-Output 'First steps:'
  Write-Output "  $command                       start the app; its page shows the next steps"
  Write-Output "  $command connect claude-code   let Claude Code use it"
  Write-Output "  $command doctor                check the installation"
}

function Remove-App {
  if (-not (Test-Path -LiteralPath $Prefix)) {
    Stop-Script "Claude Token Saver was not installed by this script: $Prefix does not exist."
  }
  Write-Output "This removes Claude Token Saver: its entries in clients, settings, history and models, its commands, $Prefix"
  if (-not (Confirm-Step 'Remove?')) { exit 1 }
  $app = Join-Path $Bin 'token-saver.exe'
  if (Test-Path -LiteralPath $app) {
    & $app uninstall --history --weights --settings
    if ($LASTEXITCODE -ne 0) {
      Stop-Script 'Some parts could not be removed; the reasons are above. Run this script again when they are gone.'
    }
  }
  $uv = Find-Uv
  if ($uv) { Invoke-Uv $uv tool uninstall --quiet $Package }
  foreach ($name in $Commands) {
    Remove-Item -Force -ErrorAction SilentlyContinue -LiteralPath (Join-Path $Bin "$name.exe")
  }
  Remove-Item -Recurse -Force -LiteralPath $Prefix
  foreach ($folder in $Bin, (Split-Path $Bin)) {
    # A folder stays unless it is empty.
    if ((Test-Path -LiteralPath $folder) -and -not (Get-ChildItem -Force -LiteralPath $folder)) {
      Remove-Item -LiteralPath $folder
    }
  }
  Write-Output 'Claude Token Saver is removed.'
}

function Find-Python {
  $ErrorActionPreference = 'Continue' # for Windows PowerShell, a redirected error output is an error
  foreach ($name in 'python3', 'python', 'py') {
    foreach ($found in @(Get-Command -CommandType Application -All -ErrorAction SilentlyContinue $name)) {
      # The store's placeholder also has this name; it prints no path.
      $path = & $found.Source -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else str())' 2>$null
      if ($LASTEXITCODE -eq 0 -and $path) { return "$path" }
    }
  }
}

function Find-Uv {
  $own = Join-Path $Prefix 'uv.exe'
  if (Test-Path -LiteralPath $own) { return $own }
  $found = Get-Command -CommandType Application -ErrorAction SilentlyContinue uv
  if ($found) { return @($found)[0].Source }
}

function Get-OwnCheckout {
  if (-not $PSScriptRoot) { return $Package }
  $folder = Split-Path $PSScriptRoot
  $project = Join-Path $folder 'pyproject.toml'
  if ((Test-Path -LiteralPath $project) -and (Select-String -Quiet -SimpleMatch "name = `"$Package`"" -LiteralPath $project)) {
    return $folder
  }
  return $Package
}

function Invoke-Uv {
  $program, $arguments = $args
  $saved = $env:UV_TOOL_DIR, $env:UV_TOOL_BIN_DIR, $env:UV_CACHE_DIR, $env:UV_NO_CONFIG
  $env:UV_TOOL_DIR = Join-Path $Prefix 'tools'
  $env:UV_TOOL_BIN_DIR = $Bin
  if (-not $env:UV_CACHE_DIR) { $env:UV_CACHE_DIR = Join-Path $Prefix 'cache' }
  $env:UV_NO_CONFIG = '1'
  try {
    & $program @arguments | Out-Host
  } finally {
    $env:UV_TOOL_DIR, $env:UV_TOOL_BIN_DIR, $env:UV_CACHE_DIR, $env:UV_NO_CONFIG = $saved
  }
}

function Save-Uv($python) {
  # The machine of the Python, because an emulated PowerShell reports another machine than the app will use.
  $machine = & $python -c 'import platform; print(platform.machine().lower())'
  $names = @{ arm64 = 'aarch64'; amd64 = 'x86_64'; x86 = 'i686' }
  $name = $names[$machine]
  $base = if ($env:UV_DOWNLOAD_URL) { $env:UV_DOWNLOAD_URL } else { "https://github.com/astral-sh/uv/releases/download/$UvVersion" }
  $address = "$base/uv-$name-pc-windows-msvc.zip"
  $archive = Join-Path $Prefix 'uv.zip'
  try {
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -UseBasicParsing -Uri $address -OutFile $archive
    Invoke-WebRequest -UseBasicParsing -Uri "$address.sha256" -OutFile "$archive.sha256"
  } catch {
    Stop-Script "uv could not be downloaded from ${address}: $($_.Exception.Message)"
  }
  $stated = ((Get-Content -Raw -LiteralPath "$archive.sha256").Trim() -split '\s+')[0]
  $actual = (Get-FileHash -Algorithm SHA256 -LiteralPath $archive).Hash
  if ($stated -ne $actual) {
    Stop-Script 'The archive has another checksum than the one published beside it.'
  }
  $unpacked = Join-Path $Prefix 'unpacked'
  Expand-Archive -Force -LiteralPath $archive -DestinationPath $unpacked
  $program = Get-ChildItem -Recurse -File -LiteralPath $unpacked -Filter 'uv.exe' | Select-Object -First 1
  Move-Item -Force -LiteralPath $program.FullName -Destination (Join-Path $Prefix 'uv.exe')
  Remove-Item -Recurse -Force -LiteralPath $unpacked, $archive, "$archive.sha256"
  return Join-Path $Prefix 'uv.exe'
}

function Confirm-Step($question) {
  if ($Yes) { return $true }
  if ([Console]::IsInputRedirected) { Stop-Script 'This needs your confirmation, but standard input is not a terminal. Add -Yes.' }
  return (Read-Host "$question [y/N]") -in 'y', 'yes'
}

function Stop-Script($text) {
  [Console]::Error.WriteLine("install.ps1: $text")
  exit 1
}

Main
